/** 5 ms: finer than a frame, coarse enough that a second of frames fills the peak. */
const BUCKET_US = 5_000;

/** 10 s in all; what is later counts as 10 s. */
const BUCKETS = 2_000;

/** A sample's weight falls to 1/e in this time: bursts of a minute ago say nothing about the next second. */
const MEMORY_US = 10_000_000;

/** At the start memory is shorter, because a page that is still loading takes everything late. */
const FIRST_MEMORY_US = 1_000_000;

/** Memory grows by half of the time since the start. */
const MEMORY_GROWTH = 0.5;

/** Sums are brought down to 1 before they lose precision. */
const RESCALE_AT = 1e12;

/**
 * How long frames take from capture to arrival, as a histogram that forgets. Adding is O(1): instead of scaling
 * all buckets down, each new sample weighs more than the one before.
 */
export class TransitHistogram {
  readonly #buckets = new Float64Array(BUCKETS);
  #weight = 1;
  #total = 0;
  #samples = 0;
  #startUs = 0;
  #lastUs = 0;

  get isEmpty(): boolean {
    return this.#total === 0;
  }

  /** Samples since the last `clear`. */
  get samples(): number {
    return this.#samples;
  }

  add(transitUs: number, nowUs: number): void {
    if (this.#samples === 0) {
      this.#startUs = nowUs;
      this.#lastUs = nowUs;
    }
    const memoryUs = Math.min(MEMORY_US, FIRST_MEMORY_US + (nowUs - this.#startUs) * MEMORY_GROWTH);
    this.#weight *= Math.exp(Math.min(1, Math.max(0, (nowUs - this.#lastUs) / memoryUs)));
    this.#lastUs = Math.max(this.#lastUs, nowUs);
    const index = Math.min(BUCKETS - 1, Math.max(0, Math.floor(transitUs / BUCKET_US)));
    this.#buckets[index] = (this.#buckets[index] ?? 0) + this.#weight;
    this.#total += this.#weight;
    this.#samples += 1;
    if (this.#weight > RESCALE_AT) this.#rescale();
  }

  /** Upper edge of the bucket that holds the share `share` (0 to 1) of the samples, µs; 0 when empty. */
  quantileUs(share: number): number {
    if (this.#total === 0) return 0;
    const wanted = this.#total * share;
    let sum = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      sum += this.#buckets[index] ?? 0;
      if (sum >= wanted) return (index + 1) * BUCKET_US;
    }
    return BUCKETS * BUCKET_US;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#weight = 1;
    this.#total = 0;
    this.#samples = 0;
  }

  #rescale(): void {
    for (let index = 0; index < BUCKETS; index += 1) {
      this.#buckets[index] = (this.#buckets[index] ?? 0) / this.#weight;
    }
    this.#total /= this.#weight;
    this.#weight = 1;
  }
}
