/** ISO/IEC 14496-10 §E.2.1: max_num_reorder_frames is at most the decoded picture buffer, 16 frames. */
const MAX_REORDER_DEPTH = 16;

/**
 * Decoding times out of presentation times that come in decoding order. With a reorder depth of D the n-th decoding
 * time is the (n−D)-th presentation time in order of presentation: the decoder has that picture by then, and no
 * picture is shown before it is decoded.
 */
export class DecodeTimeline {
  /** The D newest presentation times that are no decoding time yet, ascending. */
  readonly #waiting: number[] = [];
  readonly #frameUs: number;
  #depth: number;
  #lastUs = Number.NEGATIVE_INFINITY;
  #isStarted = false;

  /** @param frameUs usual distance of pictures, for the decoding times before the first presentation time. */
  constructor(depth: number, frameUs: number) {
    this.#depth = Math.min(MAX_REORDER_DEPTH, Math.max(0, Math.ceil(depth)));
    this.#frameUs = frameUs;
  }

  get depth(): number {
    return this.#depth;
  }

  /** The decoding time of the next picture, µs: later than the one before, whatever comes. */
  push(timestampUs: number): number {
    const waiting = this.#waiting;
    if (!this.#isStarted) {
      this.#isStarted = true;
      for (let back = this.#depth; back > 0; back -= 1)
        waiting.push(timestampUs - Math.round(back * this.#frameUs));
    }
    let place = waiting.length;
    while (place > 0 && (waiting[place - 1] as number) > timestampUs) place -= 1;
    waiting.splice(place, 0, timestampUs);
    const candidate = waiting.shift() as number;
    // Deeper reordering than was announced: from now on one picture more is waited for.
    if (timestampUs <= this.#lastUs && this.#depth < MAX_REORDER_DEPTH) {
      this.#depth += 1;
      waiting.unshift(candidate);
    }
    this.#lastUs = Math.max(candidate, this.#lastUs + 1);
    return this.#lastUs;
  }
}
