/** Where the leading picture's parts begin: sound is cut at the same moments. */
export interface PartBoundary {
  /** Media time. */
  readonly us: number;
  /** Of the segment that begins or goes on here. */
  readonly sequence: number;
  readonly era: number;
  readonly startsSegment: boolean;
  /** The part that ends here is short: it is to be published with the one that begins here, up to the next boundary. */
  readonly endsShortPart: boolean;
}

/** Counts the changes of a broadcast's encoding or timeline, for all of its renditions. */
export class Era {
  value = 0;

  /** Something ends at a rendition whose newest segment has this era; a change that others have counted is the same. */
  endAfter(era: number | undefined): void {
    if (era === undefined || era === this.value) this.value += 1;
  }
}
