import { BitReader } from "../bytes/bit-reader.ts";
import { MediaError } from "../media-error.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { parseVui, type Vui } from "./vui.ts";

/** A sequence parameter set, ISO/IEC 14496-10 §7.3.2.1.1. */
export interface Sps {
  readonly profileIdc: number;
  /** The byte between profile and level: constraint_set0_flag is bit 7. */
  readonly constraintFlags: number;
  readonly levelIdc: number;
  readonly spsId: number;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly separateColourPlane: boolean;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  readonly log2MaxFrameNum: number;
  readonly picOrderCntType: number;
  readonly maxNumRefFrames: number;
  /** False: interlaced tools may be in use. */
  readonly frameMbsOnly: boolean;
  /** Luma samples after cropping. */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** Frames per second, from the VUI. */
  readonly framerate?: number;
  /** From bitstream_restriction; absent: a decoder has to assume the whole decoded picture buffer. */
  readonly maxNumReorderFrames?: number;
  readonly maxDecFrameBuffering?: number;
  readonly sarWidth?: number;
  readonly sarHeight?: number;
  readonly vui?: Vui;
  /** Position of vui_parameters_present_flag, in bits of the unescaped NAL unit (header included). */
  readonly vuiFlagPosition: number;
}

/** Real ones are below 100 bytes; the largest scaling lists and HRD stay below 2 KB. */
export const MAX_SPS_BYTES = 4096;
/** 16,384 luma samples a side, twice what level 6.2 allows. */
const MAX_SIDE_MBS = 1024;

/** Profiles with chroma format, bit depth and scaling lists in the SPS (§7.3.2.1.1). */
const HIGH_PROFILES: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i += 1) {
    if (next !== 0) next = (last + reader.se("delta_scale") + 256) & 0xff;
    if (next !== 0) last = next;
  }
}

interface ChromaInfo {
  readonly chromaFormatIdc: number;
  readonly separateColourPlane: boolean;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
}

function parseChromaInfo(reader: BitReader): ChromaInfo {
  const chromaFormatIdc = reader.ue("chroma_format_idc", 3);
  const separateColourPlane = chromaFormatIdc === 3 && reader.flag();
  const bitDepthLuma = 8 + reader.ue("bit_depth_luma_minus8", 6);
  const bitDepthChroma = 8 + reader.ue("bit_depth_chroma_minus8", 6);
  reader.skip(1); // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const lists = chromaFormatIdc === 3 ? 12 : 8;
    for (let i = 0; i < lists; i += 1) if (reader.flag()) skipScalingList(reader, i < 6 ? 16 : 64);
  }
  return { chromaFormatIdc, separateColourPlane, bitDepthLuma, bitDepthChroma };
}

function parsePicOrderCount(reader: BitReader): number {
  const type = reader.ue("pic_order_cnt_type", 2);
  if (type === 0) reader.ue("log2_max_pic_order_cnt_lsb_minus4", 12);
  if (type === 1) {
    reader.skip(1); // delta_pic_order_always_zero_flag
    reader.se("offset_for_non_ref_pic");
    reader.se("offset_for_top_to_bottom_field");
    const count = reader.ue("num_ref_frames_in_pic_order_cnt_cycle", 255);
    for (let i = 0; i < count; i += 1) reader.se("offset_for_ref_frame");
  }
  return type;
}

/**
 * Parses an SPS NAL unit (header byte first, no start code, still escaped).
 * @throws MediaError "malformed", "truncated", "too-large".
 */
export function parseSps(nal: Uint8Array): Sps {
  if (nal.length > MAX_SPS_BYTES) {
    throw new MediaError("too-large", "SPS over the size limit", { field: "SPS", limit: MAX_SPS_BYTES });
  }
  if (nalUnitType(nal[0]) !== NAL_SPS)
    throw new MediaError("malformed", "not an SPS NAL unit", { field: "SPS" });
  const reader = new BitReader(removeEmulationPrevention(nal), "SPS");
  reader.skip(8);
  const profileIdc = reader.bits(8);
  const constraintFlags = reader.bits(8);
  const levelIdc = reader.bits(8);
  const spsId = reader.ue("seq_parameter_set_id", 31);
  const chroma = HIGH_PROFILES.has(profileIdc)
    ? parseChromaInfo(reader)
    : { chromaFormatIdc: 1, separateColourPlane: false, bitDepthLuma: 8, bitDepthChroma: 8 };
  const log2MaxFrameNum = 4 + reader.ue("log2_max_frame_num_minus4", 12);
  const picOrderCntType = parsePicOrderCount(reader);
  const maxNumRefFrames = reader.ue("max_num_ref_frames", 16);
  reader.skip(1); // gaps_in_frame_num_value_allowed_flag
  const widthMbs = 1 + reader.ue("pic_width_in_mbs_minus1", MAX_SIDE_MBS - 1);
  const heightUnits = 1 + reader.ue("pic_height_in_map_units_minus1", MAX_SIDE_MBS - 1);
  const frameMbsOnly = reader.flag();
  if (!frameMbsOnly) reader.skip(1); // mb_adaptive_frame_field_flag
  reader.skip(1); // direct_8x8_inference_flag
  const fieldFactor = frameMbsOnly ? 1 : 2;
  let codedWidth = widthMbs * 16;
  let codedHeight = heightUnits * 16 * fieldFactor;
  if (reader.flag()) {
    // Crop units of table 6-1; a separate colour plane counts as monochrome (ChromaArrayType 0).
    const arrayType = chroma.separateColourPlane ? 0 : chroma.chromaFormatIdc;
    const unitX = arrayType === 1 || arrayType === 2 ? 2 : 1;
    const unitY = (arrayType === 1 ? 2 : 1) * fieldFactor;
    codedWidth -= unitX * (reader.ue("frame_crop_left_offset") + reader.ue("frame_crop_right_offset"));
    codedHeight -= unitY * (reader.ue("frame_crop_top_offset") + reader.ue("frame_crop_bottom_offset"));
    if (codedWidth <= 0 || codedHeight <= 0) {
      throw new MediaError("malformed", "SPS crops the whole picture", { field: "SPS.frame_crop" });
    }
  }
  const vuiFlagPosition = reader.position;
  const vui = reader.flag() ? parseVui(reader) : undefined;
  return {
    profileIdc,
    constraintFlags,
    levelIdc,
    spsId,
    ...chroma,
    log2MaxFrameNum,
    picOrderCntType,
    maxNumRefFrames,
    frameMbsOnly,
    codedWidth,
    codedHeight,
    ...(vui && {
      vui,
      ...(vui.framerate !== undefined && { framerate: vui.framerate }),
      ...(vui.sarWidth !== undefined && { sarWidth: vui.sarWidth, sarHeight: vui.sarHeight ?? 1 }),
      ...(vui.restriction && {
        maxNumReorderFrames: vui.restriction.maxNumReorderFrames,
        maxDecFrameBuffering: vui.restriction.maxDecFrameBuffering,
      }),
    }),
    vuiFlagPosition,
  };
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** `avc1.PPCCLL` (RFC 6381 §3.3) of an SPS or of an avcC record. */
export function h264CodecString(sps: Pick<Sps, "profileIdc" | "constraintFlags" | "levelIdc">): string {
  return `avc1.${hexByte(sps.profileIdc)}${hexByte(sps.constraintFlags)}${hexByte(sps.levelIdc)}`;
}
