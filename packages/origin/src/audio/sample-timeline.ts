/**
 * A step of this much between two blocks of sound is a gap or a restart. Less is what timestamps of real publishers do
 * (whole milliseconds, the slew of the media clock, a single lost frame) and is followed as it is.
 */
const GAP_US = 40_000;

/** Where a block that went into the resampler begins. */
interface Knot {
  /** In samples at the output's rate, counted since the last restart. */
  readonly position: number;
  readonly mediaUs: number;
}

/**
 * Media time of samples that come out of a resampler, from that of the blocks that went in: samples are counted, and
 * each block is an anchor of its own. So rounding does not add up, and output follows every correction of the input's
 * clock within one block; it is never further off than one block is long.
 */
export class SampleTimeline {
  readonly #rate: number;
  readonly #knots: Knot[] = [];
  /** Samples at the output's rate that went in and that were taken since the last restart. */
  #fed = 0;
  #taken = 0;
  /** When the last block ends. */
  #endUs: number | undefined;
  #lastUs = Number.NEGATIVE_INFINITY;

  /** @param rate of the output, Hz */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** False if a block of this time does not go on where the last one ended: a gap, or the publisher is new. */
  continues(mediaUs: number): boolean {
    return this.#endUs === undefined || Math.abs(mediaUs - this.#endUs) <= GAP_US;
  }

  /** A block of `samples` at `rate` went in. */
  feed(mediaUs: number, samples: number, rate: number): void {
    this.#knots.push({ position: this.#fed, mediaUs });
    this.#fed += (samples * this.#rate) / rate;
    this.#endUs = mediaUs + (samples * 1e6) / rate;
  }

  /** Media time of the next samples of the output, µs; grows with every call until a restart. */
  take(samples: number): number {
    while ((this.#knots[1]?.position ?? Number.POSITIVE_INFINITY) <= this.#taken) this.#knots.shift();
    const knot = this.#knots[0];
    const exactUs =
      knot === undefined ? 0 : knot.mediaUs + ((this.#taken - knot.position) * 1e6) / this.#rate;
    const mediaUs = Math.max(Math.round(exactUs), this.#lastUs + 1);
    this.#taken += samples;
    this.#lastUs = mediaUs;
    return mediaUs;
  }

  /** What was fed and not taken is given up; the next block begins a new stretch. */
  restart(): void {
    this.#knots.length = 0;
    this.#fed = 0;
    this.#taken = 0;
    this.#endUs = undefined;
    this.#lastUs = Number.NEGATIVE_INFINITY;
  }
}
