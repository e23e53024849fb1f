import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";
import { forEachNal } from "../nal/annex-b.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { writeLengthPrefixed } from "../nal/length-prefixed.ts";
import { HEVC_AUD, HEVC_PPS, HEVC_SPS, HEVC_VPS, hevcNalUnitType } from "./nal-unit-type.ts";
import { parseHevcSps } from "./sps.ts";

export interface HevcSets {
  readonly vps: readonly Uint8Array[];
  readonly sps: readonly [Uint8Array, ...Uint8Array[]];
  readonly pps: readonly Uint8Array[];
}

/** Bytes of the SPS in front of profile_tier_level: NAL header, then sps_video_parameter_set_id and sub-layers. */
const SPS_FRONT_BYTES = 3;
/** The part of profile_tier_level that the record repeats: profile, compatibility and constraint flags, level. */
const GENERAL_PTL_BYTES = 12;

/** The parameter sets in an Annex B access unit, as views; undefined if one kind is missing. */
export function readHevcParameterSets(annexB: Uint8Array): HevcSets | undefined {
  const vps: Uint8Array[] = [];
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  forEachNal(annexB, (nal) => {
    const type = hevcNalUnitType(nal[0]);
    if (type === HEVC_VPS) vps.push(nal);
    else if (type === HEVC_SPS) sps.push(nal);
    else if (type === HEVC_PPS) pps.push(nal);
  });
  const [first, ...others] = sps;
  if (first === undefined || vps.length === 0 || pps.length === 0) return undefined;
  return { vps, sps: [first, ...others], pps };
}

/** HEVCDecoderConfigurationRecord (see `parseHevcDecoderConfig`), complete arrays. @throws MediaError as `parseHevcSps` */
export function buildHevcDecoderConfig(sets: HevcSets): Uint8Array {
  const parsed = parseHevcSps(sets.sps[0]);
  const raw = removeEmulationPrevention(sets.sps[0]);
  if (raw.length < SPS_FRONT_BYTES + GENERAL_PTL_BYTES) {
    throw new MediaError("truncated", "SPS ends early", { field: "hvcC" });
  }
  const subLayers = (raw[2] as number) >>> 1;
  const writer = new ByteWriter(256);
  writer.u8(1);
  writer.bytes(raw.subarray(SPS_FRONT_BYTES, SPS_FRONT_BYTES + GENERAL_PTL_BYTES));
  writer.u16(0xf000); // min_spatial_segmentation_idc: unknown
  writer.u8(0xfc); // parallelismType: unknown
  writer.u8(0xfc | parsed.chromaFormatIdc);
  writer.u8(0xf8 | (parsed.bitDepthLuma - 8));
  writer.u8(0xf8 | (parsed.bitDepthChroma - 8));
  writer.u16(0); // avgFrameRate: unknown
  const nested = (raw[2] as number) & 1;
  writer.u8((((subLayers & 7) + 1) << 3) | (nested << 2) | 3);
  writer.u8(3);
  writeArray(writer, HEVC_VPS, sets.vps);
  writeArray(writer, HEVC_SPS, sets.sps);
  writeArray(writer, HEVC_PPS, sets.pps);
  return writer.finish();
}

/** Like `annexBToAvcSample`: four-byte lengths, without delimiters and parameter sets. A new buffer. */
export function annexBToHevcSample(annexB: Uint8Array): Uint8Array<ArrayBuffer> {
  const units: Uint8Array[] = [];
  forEachNal(annexB, (nal) => {
    const type = hevcNalUnitType(nal[0]);
    if (type !== HEVC_VPS && type !== HEVC_SPS && type !== HEVC_PPS && type !== HEVC_AUD) units.push(nal);
  });
  return writeLengthPrefixed(units);
}

function writeArray(writer: ByteWriter, type: number, nals: readonly Uint8Array[]): void {
  writer.u8(0x80 | type);
  writer.u16(nals.length);
  for (const nal of nals) {
    if (nal.length > 0xffff) {
      throw new MediaError("too-large", "parameter set over 64 KB", { field: "hvcC", limit: 0xffff });
    }
    writer.u16(nal.length);
    writer.bytes(nal);
  }
}
