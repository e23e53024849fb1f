/** Where the leading picture's parts begin: sound is cut at the same moments. */
export interface PartBoundary {
  /** Media time. */
  readonly us: number;
  /** Of the segment that begins or goes on here. */
  readonly sequence: number;
  readonly startsSegment: boolean;
}

/** Counts the changes of a broadcast's encoding or timeline, for all of its renditions. */
export class Era {
  value = 0;
}
