import { BitReader } from "../bytes/bit-reader.ts";
import { type ColourDescription, parseColourDescription, parseSampleAspectRatio } from "../h264/vui.ts";
import { MediaError } from "../media-error.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { HEVC_SPS, hevcNalUnitType } from "./nal-unit-type.ts";
import { type ProfileTierLevel, readProfileTierLevel, skipSubLayers } from "./profile-tier-level.ts";
import { skipScalingLists, skipShortTermReferenceSets } from "./reference-picture-sets.ts";

/** A sequence parameter set, ITU-T H.265 §7.3.2.2. */
export interface HevcSps extends ProfileTierLevel {
  readonly vpsId: number;
  readonly spsId: number;
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Luma samples inside the conformance window. */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** Of the highest sub-layer; 0: output order is decoding order. */
  readonly maxNumReorderFrames: number;
  readonly framerate?: number;
  readonly sarWidth?: number;
  readonly sarHeight?: number;
  readonly colour?: ColourDescription;
}

/** 64 reference picture sets and scaling lists stay below. */
export const MAX_HEVC_SPS_BYTES = 8192;
/** Twice the largest side of level 6.2. */
const MAX_SIDE = 16_888;

interface HevcVui {
  readonly framerate?: number;
  readonly sarWidth?: number;
  readonly sarHeight?: number;
  readonly colour?: ColourDescription;
}

/** vui_parameters(), §E.2.1, as far as the timing. */
function parseVui(reader: BitReader): HevcVui {
  const sar = parseSampleAspectRatio(reader);
  const colour = parseColourDescription(reader);
  reader.skip(3); // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
  if (reader.flag()) for (let i = 0; i < 4; i += 1) reader.ue("def_disp_win_offset");
  let framerate: number | undefined;
  if (reader.flag()) {
    const unitsInTick = reader.bits(32);
    const timeScale = reader.bits(32);
    // A tick is a picture, other than in H.264.
    if (unitsInTick > 0 && timeScale > 0) framerate = timeScale / unitsInTick;
  }
  return {
    ...(sar && { sarWidth: sar[0], sarHeight: sar[1] }),
    ...(colour && { colour }),
    ...(framerate !== undefined && { framerate }),
  };
}

function readReorder(reader: BitReader, maxSubLayersMinus1: number): number {
  let reorder = 0;
  for (let i = reader.flag() ? 0 : maxSubLayersMinus1; i <= maxSubLayersMinus1; i += 1) {
    reader.ue("sps_max_dec_pic_buffering_minus1", 15);
    reorder = reader.ue("sps_max_num_reorder_pics", 15);
    reader.ue("sps_max_latency_increase_plus1");
  }
  return reorder;
}

/** From log2_min_luma_coding_block_size_minus3 to strong_intra_smoothing_enabled_flag. */
function skipCodingTools(reader: BitReader, pocLsbBits: number): void {
  for (let i = 0; i < 6; i += 1) reader.ue("coding_block_sizes", 32);
  if (reader.flag() && reader.flag()) skipScalingLists(reader);
  reader.skip(2); // amp_enabled_flag, sample_adaptive_offset_enabled_flag
  if (reader.flag()) {
    reader.skip(8); // PCM bit depths
    reader.ue("log2_min_pcm_luma_coding_block_size_minus3", 2);
    reader.ue("log2_diff_max_min_pcm_luma_coding_block_size", 2);
    reader.skip(1); // pcm_loop_filter_disabled_flag
  }
  skipShortTermReferenceSets(reader);
  if (reader.flag()) {
    const count = reader.ue("num_long_term_ref_pics_sps", 32);
    reader.skip(count * (pocLsbBits + 1));
  }
  reader.skip(2); // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
}

/**
 * Parses an SPS NAL unit (two header bytes first, no start code, still escaped) of the base layer.
 * @throws MediaError "malformed", "truncated", "too-large".
 */
export function parseHevcSps(nal: Uint8Array): HevcSps {
  if (nal.length > MAX_HEVC_SPS_BYTES) {
    throw new MediaError("too-large", "SPS over the size limit", { field: "SPS", limit: MAX_HEVC_SPS_BYTES });
  }
  if (hevcNalUnitType(nal[0]) !== HEVC_SPS) {
    throw new MediaError("malformed", "not an HEVC SPS NAL unit", { field: "SPS" });
  }
  const reader = new BitReader(removeEmulationPrevention(nal), "SPS");
  reader.skip(16);
  const vpsId = reader.bits(4);
  const maxSubLayersMinus1 = reader.bits(3);
  reader.skip(1); // sps_temporal_id_nesting_flag
  const ptl = readProfileTierLevel(reader);
  skipSubLayers(reader, maxSubLayersMinus1);
  const spsId = reader.ue("sps_seq_parameter_set_id", 15);
  const chromaFormatIdc = reader.ue("chroma_format_idc", 3);
  const separateColourPlane = chromaFormatIdc === 3 && reader.flag();
  let codedWidth = reader.ue("pic_width_in_luma_samples", MAX_SIDE);
  let codedHeight = reader.ue("pic_height_in_luma_samples", MAX_SIDE);
  if (reader.flag()) {
    const unitX = !separateColourPlane && (chromaFormatIdc === 1 || chromaFormatIdc === 2) ? 2 : 1;
    const unitY = chromaFormatIdc === 1 ? 2 : 1;
    codedWidth -= unitX * (reader.ue("conf_win_left_offset") + reader.ue("conf_win_right_offset"));
    codedHeight -= unitY * (reader.ue("conf_win_top_offset") + reader.ue("conf_win_bottom_offset"));
  }
  if (codedWidth <= 0 || codedHeight <= 0) {
    throw new MediaError("malformed", "SPS without a picture", { field: "SPS.conformance_window" });
  }
  const bitDepthLuma = 8 + reader.ue("bit_depth_luma_minus8", 8);
  const bitDepthChroma = 8 + reader.ue("bit_depth_chroma_minus8", 8);
  const pocLsbBits = 4 + reader.ue("log2_max_pic_order_cnt_lsb_minus4", 12);
  const maxNumReorderFrames = readReorder(reader, maxSubLayersMinus1);
  skipCodingTools(reader, pocLsbBits);
  return {
    ...ptl,
    vpsId,
    spsId,
    chromaFormatIdc,
    bitDepthLuma,
    bitDepthChroma,
    codedWidth,
    codedHeight,
    maxNumReorderFrames,
    ...(reader.flag() && parseVui(reader)),
  };
}
