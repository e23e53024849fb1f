/**
 * The smallest value of the last `windowUs`, kept in a fixed ring of buckets: no allocation per value, and a value
 * leaves at most one bucket later than the window says.
 */
export class SlidingMinimum {
  readonly #bucketUs: number;
  readonly #minima: Float64Array;
  #newest = Number.NEGATIVE_INFINITY;

  constructor(windowUs: number, buckets: number) {
    this.#bucketUs = windowUs / buckets;
    this.#minima = new Float64Array(buckets).fill(Number.POSITIVE_INFINITY);
  }

  /** `nowUs` must not go back by more than the window. */
  push(nowUs: number, value: number): void {
    const count = this.#minima.length;
    const bucket = Math.floor(nowUs / this.#bucketUs);
    if (bucket > this.#newest) {
      const first = Math.max(this.#newest + 1, bucket - count + 1);
      for (let index = first; index <= bucket; index++) {
        this.#minima[modulo(index, count)] = Number.POSITIVE_INFINITY;
      }
      this.#newest = bucket;
    }
    const slot = modulo(bucket, count);
    if (value < (this.#minima[slot] ?? 0)) this.#minima[slot] = value;
  }

  /** Infinity if nothing was pushed within the window. */
  get minimum(): number {
    let smallest = Number.POSITIVE_INFINITY;
    for (const value of this.#minima) if (value < smallest) smallest = value;
    return smallest;
  }
}

function modulo(value: number, count: number): number {
  return ((value % count) + count) % count;
}
