import { BitReader } from "../bytes/bit-reader.ts";
import { BitWriter } from "../bytes/bit-writer.ts";
import { insertEmulationPrevention, removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { parseSps } from "./sps.ts";
import type { BitstreamRestriction } from "./vui.ts";

/** Values that restrict nothing else: the ones inferred when absent (§E.2.1), and no bounds on sizes. */
const UNRESTRICTED: Omit<BitstreamRestriction, "maxNumReorderFrames" | "maxDecFrameBuffering"> = {
  motionVectorsOverPicBoundaries: true,
  maxBytesPerPicDenom: 0,
  maxBitsPerMbDenom: 0,
  log2MaxMvLengthHorizontal: 15,
  log2MaxMvLengthVertical: 15,
};

/**
 * An SPS that says "no picture is reordered": bitstream_restriction with max_num_reorder_frames = 0 and
 * max_dec_frame_buffering = max_num_ref_frames. Without it a decoder may hold back as many pictures as the level's
 * buffer has, up to 16 frames of delay. Everything in front of it keeps its bits.
 *
 * Only for streams without B-frames: with them, pictures would be shown in the wrong order.
 * Takes and returns a NAL unit (header byte first, escaped); the input itself when it already says so.
 * @throws MediaError as `parseSps`.
 */
export function withLowDelayVui(sps: Uint8Array): Uint8Array {
  const parsed = parseSps(sps);
  const { vui, maxNumRefFrames } = parsed;
  const old = vui?.restriction;
  if (old?.maxNumReorderFrames === 0 && old.maxDecFrameBuffering <= maxNumRefFrames) return sps;

  const reader = new BitReader(removeEmulationPrevention(sps), "SPS");
  const writer = new BitWriter();
  const keep = vui ? vui.restrictionFlagPosition : parsed.vuiFlagPosition;
  while (reader.position < keep) {
    const count = Math.min(32, keep - reader.position);
    writer.bits(reader.bits(count), count);
  }
  if (!vui) {
    writer.flag(true); // vui_parameters_present_flag
    // No aspect ratio, overscan, signal type, chroma location, timing, NAL HRD, VCL HRD, pic_struct.
    writer.bits(0, 8);
  }
  const values = old ?? UNRESTRICTED;
  writer.flag(true); // bitstream_restriction_flag
  writer.flag(values.motionVectorsOverPicBoundaries);
  writer.ue(values.maxBytesPerPicDenom);
  writer.ue(values.maxBitsPerMbDenom);
  writer.ue(values.log2MaxMvLengthHorizontal);
  writer.ue(values.log2MaxMvLengthVertical);
  writer.ue(0); // max_num_reorder_frames
  writer.ue(maxNumRefFrames); // max_dec_frame_buffering
  writer.trailingBits();
  return insertEmulationPrevention(writer.finish());
}
