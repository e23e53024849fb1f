import type { BitReader } from "../bytes/bit-reader.ts";

/** bitstream_restriction of the VUI, ISO/IEC 14496-10 §E.1.1. */
export interface BitstreamRestriction {
  readonly motionVectorsOverPicBoundaries: boolean;
  readonly maxBytesPerPicDenom: number;
  readonly maxBitsPerMbDenom: number;
  readonly log2MaxMvLengthHorizontal: number;
  readonly log2MaxMvLengthVertical: number;
  readonly maxNumReorderFrames: number;
  readonly maxDecFrameBuffering: number;
}

/** colour_primaries, transfer_characteristics, matrix_coefficients as in ITU-T H.273; 2 = unspecified. */
export interface ColourDescription {
  readonly fullRange: boolean;
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
}

export interface Vui {
  readonly sarWidth?: number;
  readonly sarHeight?: number;
  readonly colour?: ColourDescription;
  readonly framerate?: number;
  readonly fixedFrameRate?: boolean;
  readonly restriction?: BitstreamRestriction;
  /** Position of bitstream_restriction_flag in the reader, bits. */
  readonly restrictionFlagPosition: number;
}

/** Table E-1, aspect_ratio_idc 1 to 16. */
const SAMPLE_ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];
const EXTENDED_SAR = 255;

/** aspect_ratio_info; the same syntax in H.264 and HEVC. Undefined: unspecified or reserved. */
export function parseSampleAspectRatio(reader: BitReader): readonly [number, number] | undefined {
  if (!reader.flag()) return undefined;
  const idc = reader.bits(8);
  if (idc !== EXTENDED_SAR) return SAMPLE_ASPECT_RATIOS[idc - 1];
  const width = reader.bits(16);
  const height = reader.bits(16);
  return width === 0 || height === 0 ? undefined : [width, height];
}

/** overscan_info, video_signal_type and chroma_loc_info; the same syntax in H.264 and HEVC. */
export function parseColourDescription(reader: BitReader): ColourDescription | undefined {
  if (reader.flag()) reader.skip(1); // overscan_appropriate_flag
  let colour: ColourDescription | undefined;
  if (reader.flag()) {
    reader.skip(3); // video_format
    const fullRange = reader.flag();
    colour = reader.flag()
      ? { fullRange, primaries: reader.bits(8), transfer: reader.bits(8), matrix: reader.bits(8) }
      : { fullRange, primaries: 2, transfer: 2, matrix: 2 };
  }
  if (reader.flag()) {
    reader.ue("chroma_sample_loc_type_top_field", 5);
    reader.ue("chroma_sample_loc_type_bottom_field", 5);
  }
  return colour;
}

/** hrd_parameters(), §E.1.2. */
function skipHrd(reader: BitReader): void {
  const count = 1 + reader.ue("cpb_cnt_minus1", 31);
  reader.skip(8); // bit_rate_scale, cpb_size_scale
  for (let i = 0; i < count; i += 1) {
    reader.ue("bit_rate_value_minus1");
    reader.ue("cpb_size_value_minus1");
    reader.skip(1); // cbr_flag
  }
  reader.skip(20); // four lengths of 5 bits
}

function parseRestriction(reader: BitReader): BitstreamRestriction {
  return {
    motionVectorsOverPicBoundaries: reader.flag(),
    maxBytesPerPicDenom: reader.ue("max_bytes_per_pic_denom", 16),
    maxBitsPerMbDenom: reader.ue("max_bits_per_mb_denom", 16),
    log2MaxMvLengthHorizontal: reader.ue("log2_max_mv_length_horizontal", 16),
    log2MaxMvLengthVertical: reader.ue("log2_max_mv_length_vertical", 16),
    maxNumReorderFrames: reader.ue("max_num_reorder_frames", 16),
    maxDecFrameBuffering: reader.ue("max_dec_frame_buffering", 16),
  };
}

/** vui_parameters(), §E.1.1; the reader stands behind vui_parameters_present_flag. */
export function parseVui(reader: BitReader): Vui {
  const sar = parseSampleAspectRatio(reader);
  const colour = parseColourDescription(reader);
  let framerate: number | undefined;
  let fixedFrameRate: boolean | undefined;
  if (reader.flag()) {
    const unitsInTick = reader.bits(32);
    const timeScale = reader.bits(32);
    fixedFrameRate = reader.flag();
    // A tick is a field: two per frame (§E.2.1). Zeros are not legal, but found in the field.
    if (unitsInTick > 0 && timeScale > 0) framerate = timeScale / (2 * unitsInTick);
  }
  const nalHrd = reader.flag();
  if (nalHrd) skipHrd(reader);
  const vclHrd = reader.flag();
  if (vclHrd) skipHrd(reader);
  if (nalHrd || vclHrd) reader.skip(1); // low_delay_hrd_flag
  reader.skip(1); // pic_struct_present_flag
  const restrictionFlagPosition = reader.position;
  const restriction = reader.flag() ? parseRestriction(reader) : undefined;
  return {
    ...(sar && { sarWidth: sar[0], sarHeight: sar[1] }),
    ...(colour && { colour }),
    ...(framerate !== undefined && { framerate }),
    ...(fixedFrameRate !== undefined && { fixedFrameRate }),
    ...(restriction && { restriction }),
    restrictionFlagPosition,
  };
}
