/** nal_unit_type, ITU-T H.265 table 7-1. */
export const HEVC_FIRST_IRAP = 16;
export const HEVC_LAST_IRAP = 23;
export const HEVC_LAST_VCL = 31;
export const HEVC_VPS = 32;
export const HEVC_SPS = 33;
export const HEVC_PPS = 34;
export const HEVC_AUD = 35;
export const HEVC_END_OF_SEQUENCE = 36;
export const HEVC_END_OF_BITSTREAM = 37;
export const HEVC_FILLER = 38;
export const HEVC_PREFIX_SEI = 39;
export const HEVC_SUFFIX_SEI = 40;

/** From the first of two header bytes: `forbidden_zero_bit(1) nal_unit_type(6) nuh_layer_id(6) temporal_id_plus1(3)`. */
export function hevcNalUnitType(header: number | undefined): number {
  return header === undefined ? 63 : (header >>> 1) & 0x3f;
}

/** Slices; what ends the search for prefix SEI. */
export function isHevcSlice(type: number): boolean {
  return type <= HEVC_LAST_VCL;
}

/** Pictures at which decoding can start: BLA, IDR, CRA. */
export function isIrap(type: number): boolean {
  return type >= HEVC_FIRST_IRAP && type <= HEVC_LAST_IRAP;
}
