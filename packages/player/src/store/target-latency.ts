import { TransitHistogram } from "./transit-histogram.ts";

/** Share of frames that must arrive in time: one late frame in a hundred is concealed, more is visible. */
const IN_TIME_SHARE = 0.99;

/** Decoding and painting take this long after the arrival. */
const DECODE_MARGIN_US = 25_000;

/** Above this, staying live is no longer the point. */
const MAX_TARGET_US = 8_000_000;

/** The target follows a better network slowly, or every lull would cost a stall: 20 ms per second. */
const FALL_US_PER_S = 20_000;

/** Later than the target by this is an outage, not jitter: holding it back for ever would not have helped. */
const OUTAGE_US = 400_000;

/** Samples before anything is known that could tell an outage from the usual. */
const LEARNING_SAMPLES = 50;

/** Unless it stays like that: then the path has become longer. */
const OUTAGE_MAX_US = 3_000_000;

/** In sync mode viewers with different networks meet on the same steps: the wish, then twice that, and so on. */
const SYNC_STEP_FACTOR = 2;

/**
 * The latency to play at, capture to picture, µs: the wished one where the network allows it, otherwise what
 * nearly all frames need.
 */
export class TargetLatency {
  readonly #wishUs: number;
  readonly #isSync: boolean;
  readonly #transit = new TransitHistogram();
  #targetUs: number;
  #lastUpdateUs: number | undefined;
  #outageSinceUs: number | undefined;

  constructor(options: { readonly wishUs: number; readonly isSync: boolean }) {
    this.#wishUs = options.wishUs;
    this.#isSync = options.isSync;
    this.#targetUs = options.wishUs;
  }

  get targetUs(): number {
    return this.#targetUs;
  }

  /** Spread between a fast and a slow frame, µs. */
  get jitterUs(): number {
    if (this.#transit.isEmpty) return 0;
    return Math.max(0, this.#transit.quantileUs(IN_TIME_SHARE) - this.#transit.quantileUs(0.05));
  }

  /** Capture to arrival of a frame that came at live pace, µs. */
  onArrival(transitUs: number, nowUs: number): void {
    const isLearning = this.#transit.samples < LEARNING_SAMPLES;
    if (isLearning || transitUs <= this.#targetUs + OUTAGE_US) {
      this.#outageSinceUs = undefined;
    } else {
      this.#outageSinceUs ??= nowUs;
      if (nowUs - this.#outageSinceUs < OUTAGE_MAX_US) return;
    }
    this.#transit.add(transitUs);
  }

  /** Called a few times a second; returns the target. */
  update(nowUs: number): number {
    const elapsedUs = this.#lastUpdateUs === undefined ? 0 : nowUs - this.#lastUpdateUs;
    this.#lastUpdateUs = nowUs;
    if (this.#transit.isEmpty) return this.#targetUs;
    const neededUs = Math.min(MAX_TARGET_US, this.#transit.quantileUs(IN_TIME_SHARE) + DECODE_MARGIN_US);
    if (this.#isSync) {
      let stepUs = this.#wishUs;
      while (stepUs < neededUs && stepUs < MAX_TARGET_US) stepUs *= SYNC_STEP_FACTOR;
      // A step down is worth a jump only when it holds: the histogram's memory decides that.
      this.#targetUs = stepUs;
      return this.#targetUs;
    }
    const wantedUs = Math.max(this.#wishUs, neededUs);
    if (wantedUs >= this.#targetUs) this.#targetUs = wantedUs;
    else this.#targetUs = Math.max(wantedUs, this.#targetUs - (elapsedUs * FALL_US_PER_S) / 1e6);
    return this.#targetUs;
  }

  /** After a change of path (another edge, another transport) the old arrivals say nothing. */
  reset(): void {
    this.#transit.clear();
    this.#outageSinceUs = undefined;
  }
}
