const WRAP = 2 ** 32;
const HALF = 2 ** 31;

/**
 * Turns 32-bit timestamps that wrap around (RTMP: milliseconds, 49.7 days) into a number that goes on.
 * One instance serves all tracks of a connection: a step of less than half the range, forwards or backwards, is
 * taken at its word, so audio and video may interleave across the wrap.
 */
export class TimestampUnwrapper {
  #last: number | undefined;

  /** `timestamp` is an unsigned 32-bit number; the result may be negative just after the start. */
  unwrap(timestamp: number): number {
    const last = this.#last;
    if (last === undefined) {
      this.#last = timestamp;
      return timestamp;
    }
    let delta = (timestamp - last) % WRAP;
    if (delta >= HALF) delta -= WRAP;
    else if (delta < -HALF) delta += WRAP;
    this.#last = last + delta;
    return this.#last;
  }
}
