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
 * `withLowDelayVui`. Slices that cannot be read count as "no".
 */
export function usesBFrames(annexB: Uint8Array): boolean {
  let start = firstNalStart(annexB);
  while (start >= 0) {
    if (isSlice(nalUnitType(annexB[start])) && isBSlice(annexB, start)) return true;
    const code = findStartCode(annexB, start);
    start = code < 0 ? -1 : code + 3;
  }
  return false;
}

function isBSlice(annexB: Uint8Array, start: number): boolean {
  try {
    return peekSliceHeader(annexB.subarray(start, start + HEAD_BYTES)).sliceType === "B";
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
}
