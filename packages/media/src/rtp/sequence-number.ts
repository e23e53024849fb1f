/** Sequence numbers of 16 bits that wrap (RFC 3550 §5.1, RFC 1982). */

/** How far `to` is ahead of `from`: -32,768 to 32,767. */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

export function nextSequence(sequence: number): number {
  return (sequence + 1) & 0xffff;
}

/** How far the RTP timestamp `to` is ahead of `from`: -2^31 to 2^31 - 1. */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Numbers that wrap become numbers that do not: each lies within half the range of the one before. */
export class SequenceUnwrapper {
  #last: number | undefined;

  /** The unwrapped number; the first one is `sequence` itself, so a number may come out negative. */
  unwrap(sequence: number): number {
    const last = this.#last;
    const unwrapped = last === undefined ? sequence : last + sequenceDistance(last & 0xffff, sequence);
    if (last === undefined || unwrapped > last) this.#last = unwrapped;
    return unwrapped;
  }
}
