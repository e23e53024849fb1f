import { BitReader } from "../bytes/bit-reader.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../media-error.ts";
import { joinAnnexB } from "../nal/annex-b.ts";
import type { NalLengthSize } from "../nal/length-prefixed.ts";
import { HEVC_PPS, HEVC_SPS, HEVC_VPS, hevcNalUnitType } from "./nal-unit-type.ts";
import { type ProfileTierLevel, readProfileTierLevel } from "./profile-tier-level.ts";

/**
 * HEVCDecoderConfigurationRecord ("hvcC"), ISO/IEC 14496-15 §8.3.3.1: version, profile_tier_level, 9 bytes of which
 * the last holds lengthSizeMinusOne, then arrays `{ completeness(1) 0 type(6) count(16) { length(16) nal }… }…`.
 */
export interface HevcDecoderConfig extends ProfileTierLevel {
  readonly nalLengthSize: NalLengthSize;
  /** NAL units, views of the record. SEI arrays are left out. */
  readonly vps: readonly Uint8Array[];
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

export const MAX_HEVC_DECODER_CONFIG_BYTES = 64 * 1024;
/** version + profile_tier_level. */
const FRONT_BYTES = 13;

/** @throws MediaError "truncated", "malformed" (version, length size 3), "too-large". */
export function parseHevcDecoderConfig(hvcC: Uint8Array): HevcDecoderConfig {
  if (hvcC.length > MAX_HEVC_DECODER_CONFIG_BYTES) {
    throw new MediaError("too-large", "hvcC over the size limit", {
      field: "hvcC",
      limit: MAX_HEVC_DECODER_CONFIG_BYTES,
    });
  }
  const reader = new ByteReader(hvcC, "hvcC");
  const front = reader.take(FRONT_BYTES);
  // 0 was written by encoders before the record was final; the fields are the same.
  if ((front[0] as number) > 1) {
    throw new MediaError("malformed", "unknown hvcC version", { field: "hvcC.configurationVersion" });
  }
  const ptl = readProfileTierLevel(new BitReader(front.subarray(1), "hvcC"));
  reader.take(8);
  const nalLengthSize = 1 + (reader.u8() & 3);
  if (nalLengthSize === 3) {
    throw new MediaError("malformed", "NAL length of 3 bytes", {
      field: "hvcC.lengthSizeMinusOne",
      actual: 3,
    });
  }
  const nals: Uint8Array[] = [];
  for (let arrays = reader.u8(); arrays > 0; arrays -= 1) {
    reader.u8();
    for (let count = reader.u16(); count > 0; count -= 1) nals.push(reader.take(reader.u16()));
  }
  const ofType = (type: number) => nals.filter((nal) => nal.length > 2 && hevcNalUnitType(nal[0]) === type);
  return {
    ...ptl,
    nalLengthSize: nalLengthSize as NalLengthSize,
    vps: ofType(HEVC_VPS),
    sps: ofType(HEVC_SPS),
    pps: ofType(HEVC_PPS),
  };
}

/** The parameter sets of the record as Annex B, in a new buffer. */
export function hevcParameterSetsToAnnexB(
  config: Pick<HevcDecoderConfig, "vps" | "sps" | "pps">,
): Uint8Array<ArrayBuffer> {
  return joinAnnexB([...config.vps, ...config.sps, ...config.pps]);
}
