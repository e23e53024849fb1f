/** nal_unit_type, ISO/IEC 14496-10 table 7-1. */
export const NAL_SLICE = 1;
export const NAL_SLICE_PARTITION_C = 4;
export const NAL_IDR = 5;
export const NAL_SEI = 6;
export const NAL_SPS = 7;
export const NAL_PPS = 8;
export const NAL_AUD = 9;
export const NAL_END_OF_SEQUENCE = 10;
export const NAL_END_OF_STREAM = 11;
export const NAL_FILLER = 12;
export const NAL_SPS_EXTENSION = 13;
export const NAL_SUBSET_SPS = 15;

/** The type in the header byte `forbidden_zero_bit(1) nal_ref_idc(2) nal_unit_type(5)`; 0 (unspecified) for no byte. */
export function nalUnitType(header: number | undefined): number {
  return header === undefined ? 0 : header & 0x1f;
}

/** Slices and data partitions: what ends the search for SEI. */
export function isSlice(type: number): boolean {
  return type >= NAL_SLICE && type <= NAL_IDR;
}
