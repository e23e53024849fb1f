/** More than a decoder ever holds back; above it one has swallowed a chunk. */
const MAX_WAITING = 64;

/**
 * The times of the chunks that went into an audio decoder, for what comes out of it.
 *
 * A decoder may number its output itself: Chromium's counts samples from the first chunk on. After a chunk that was
 * lost or came too late everything would be placed too early by its length, for ever, and the clock of a sound card
 * that runs fast or slow would never be followed. So each output gets the time of its chunk, and the decoder's own
 * only tells when it gave nothing for a chunk.
 */
export class DecodeTimes {
  /** Chunks whose output has not come, oldest first, µs. */
  readonly #waiting: number[] = [];
  /** What was added to the decoder's time of the last output, µs. */
  #shiftUs = 0;

  /** A chunk of this time goes into the decoder. */
  onDecode(timestampUs: number): void {
    if (this.#waiting.length === MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(timestampUs);
  }

  /** The time of the next output, whose time by the decoder is `decodedUs`, µs. */
  take(decodedUs: number): number {
    const expectedUs = decodedUs + this.#shiftUs;
    // A decoder that keeps the times of its input tells by them that it passed over a chunk.
    while (this.#isCloser(expectedUs)) this.#waiting.shift();
    const timestampUs = this.#waiting.shift() ?? expectedUs;
    this.#shiftUs = timestampUs - decodedUs;
    return timestampUs;
  }

  /** The decoder starts anew: what was in it does not come out. */
  clear(): void {
    this.#waiting.length = 0;
    this.#shiftUs = 0;
  }

  /** Whether the chunk after the first one is nearer to that time. */
  #isCloser(expectedUs: number): boolean {
    const [first, second] = this.#waiting;
    if (first === undefined || second === undefined) return false;
    return Math.abs(second - expectedUs) < Math.abs(first - expectedUs);
  }
}
