import type { BitReader } from "../bytes/bit-reader.ts";

/** general_* of profile_tier_level(), ITU-T H.265 §7.3.3; the same fields open the hvcC record. */
export interface ProfileTierLevel {
  readonly profileSpace: number;
  readonly highTier: boolean;
  readonly profileIdc: number;
  /** general_profile_compatibility_flag[0] is bit 31. */
  readonly compatibilityFlags: number;
  /** The 48 bits behind them: progressive, interlaced, non-packed, frame-only, then reserved or range flags. */
  readonly constraintBytes: readonly number[];
  /** 30 times the level. */
  readonly levelIdc: number;
}

/** The general part, 96 bits. */
export function readProfileTierLevel(reader: BitReader): ProfileTierLevel {
  return {
    profileSpace: reader.bits(2),
    highTier: reader.flag(),
    profileIdc: reader.bits(5),
    compatibilityFlags: reader.bits(32),
    constraintBytes: [
      reader.bits(8),
      reader.bits(8),
      reader.bits(8),
      reader.bits(8),
      reader.bits(8),
      reader.bits(8),
    ],
    levelIdc: reader.bits(8),
  };
}

/** The parts for sub-layers, which follow the general part in VPS and SPS. */
export function skipSubLayers(reader: BitReader, maxSubLayersMinus1: number): void {
  const present: { profile: boolean; level: boolean }[] = [];
  for (let i = 0; i < maxSubLayersMinus1; i += 1)
    present.push({ profile: reader.flag(), level: reader.flag() });
  if (maxSubLayersMinus1 > 0) reader.skip(2 * (8 - maxSubLayersMinus1));
  for (const { profile, level } of present) reader.skip((profile ? 88 : 0) + (level ? 8 : 0));
}

/**
 * `hvc1.<space><profile>.<compatibility, bits reversed, hex>.<tier><level>[.<constraint byte>]…` without trailing
 * zero bytes (ISO/IEC 14496-15 Annex E).
 */
export function hevcCodecString(ptl: ProfileTierLevel): string {
  const space = ["", "A", "B", "C"][ptl.profileSpace] ?? "";
  let reversed = 0;
  for (let i = 0; i < 32; i += 1) {
    if (Math.floor(ptl.compatibilityFlags / 2 ** i) % 2 === 1) reversed += 2 ** (31 - i);
  }
  let text = `hvc1.${space}${ptl.profileIdc}.${reversed.toString(16).toUpperCase()}.`;
  text += `${ptl.highTier ? "H" : "L"}${ptl.levelIdc}`;
  const last = ptl.constraintBytes.findLastIndex((byte) => byte !== 0);
  for (let i = 0; i <= last; i += 1)
    text += `.${(ptl.constraintBytes[i] as number).toString(16).toUpperCase()}`;
  return text;
}
