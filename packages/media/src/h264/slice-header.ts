import { BitReader } from "../bytes/bit-reader.ts";
import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart } from "../nal/annex-b.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { isSlice, NAL_IDR, NAL_SLICE, nalUnitType } from "./nal-unit-type.ts";
import type { Sps } from "./sps.ts";

export type SliceType = "P" | "B" | "I" | "SP" | "SI";

/** The front of a slice header, ISO/IEC 14496-10 §7.3.3. */
export interface SliceHeader {
  /** 0: the first slice of a picture (without arbitrary slice order). */
  readonly firstMb: number;
  readonly sliceType: SliceType;
  readonly ppsId: number;
  /** Needs the SPS for its length. */
  readonly frameNum?: number;
}

/** Three ue(v) and frame_num with emulation prevention stay below. */
const HEAD_BYTES = 32;

/** slice_type modulo 5, table 7-6. */
const SLICE_TYPES: readonly SliceType[] = ["P", "B", "I", "SP", "SI"];

/** @throws MediaError "malformed" for another NAL type or values out of range, "truncated". */
export function peekSliceHeader(
  nal: Uint8Array,
  sps?: Pick<Sps, "log2MaxFrameNum" | "separateColourPlane">,
): SliceHeader {
  const type = nalUnitType(nal[0]);
  if (type !== NAL_SLICE && type !== NAL_IDR && type !== 2) {
    throw new MediaError("malformed", "not a slice NAL unit", { field: "slice", actual: type });
  }
  const reader = new BitReader(removeEmulationPrevention(nal.subarray(0, HEAD_BYTES)), "slice");
  reader.skip(8);
  const firstMb = reader.ue("first_mb_in_slice");
  const sliceType = SLICE_TYPES[reader.ue("slice_type", 9) % 5] as SliceType;
  const ppsId = reader.ue("pic_parameter_set_id", 255);
  if (!sps) return { firstMb, sliceType, ppsId };
  if (sps.separateColourPlane) reader.skip(2);
  return { firstMb, sliceType, ppsId, frameNum: reader.bits(sps.log2MaxFrameNum) };
}

/**
 * True if any slice of the access unit is a B slice. Such streams cannot go through WebRTC and must not get
 * `withLowDelayVui`. Slices that cannot be read count as "no". Stops at the first slice that speaks for all, as
 * those of nearly every encoder do.
 */
export function usesBFrames(annexB: Uint8Array): boolean {
  let start = firstNalStart(annexB);
  while (start >= 0) {
    if (isSlice(nalUnitType(annexB[start]))) {
      const value = sliceTypeValue(annexB, start);
      if (value % 5 === B_SLICE) return true;
      if (value >= FIRST_TYPE_OF_ALL_SLICES) return false;
    }
    const code = findStartCode(annexB, start);
    start = code < 0 ? -1 : code + 3;
  }
  return false;
}

const B_SLICE = 1;
/** slice_type 5 to 9: every slice of the picture has this type modulo 5 (§7.4.3). */
const FIRST_TYPE_OF_ALL_SLICES = 5;
const UNREADABLE = 0;

/** slice_type, 0 to 9. */
function sliceTypeValue(annexB: Uint8Array, start: number): number {
  const head = annexB.subarray(start + 1, start + HEAD_BYTES);
  try {
    const reader = new BitReader(removeEmulationPrevention(head), "slice");
    reader.ue("first_mb_in_slice");
    return reader.ue("slice_type", 9);
  } catch (error) {
    if (error instanceof MediaError) return UNREADABLE;
    throw error;
  }
}
