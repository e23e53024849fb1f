import { MediaError } from "../media-error.ts";

export interface NalLimits {
  /** Largest NAL unit, bytes. */
  readonly maxNalBytes: number;
  /** Most NAL units in one access unit. */
  readonly maxNals: number;
}

/** A 4K intra picture at the highest level stays under it; memory is taken only after the check. */
export const MAX_NAL_BYTES = 8 * 1024 * 1024;

/** One slice per macroblock row of 8K, and SEI, stay far under it. */
export const MAX_NALS_PER_ACCESS_UNIT = 1024;

export const DEFAULT_NAL_LIMITS: NalLimits = {
  maxNalBytes: MAX_NAL_BYTES,
  maxNals: MAX_NALS_PER_ACCESS_UNIT,
};

export function nalTooLarge(actual: number, limit: number): MediaError {
  return new MediaError("too-large", "NAL unit over the size limit", { field: "nal", limit, actual });
}

export function tooManyNals(limit: number): MediaError {
  return new MediaError("too-many", "too many NAL units in one access unit", { field: "nal", limit });
}
