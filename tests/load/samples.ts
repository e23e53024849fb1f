/** A bounded collection of measurements: keeps every one up to `capacity`, then a uniform random sample. */
export class Samples {
  readonly #values: Float64Array;
  #count = 0;

  constructor(capacity = 200_000) {
    this.#values = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (this.#count < this.#values.length) {
      this.#values[this.#count] = value;
    } else {
      const place = Math.floor(Math.random() * (this.#count + 1));
      if (place < this.#values.length) this.#values[place] = value;
    }
    this.#count++;
  }

  /** Value below which the fraction `p` (0 to 1) of the measurements lie; NaN without measurements. */
  percentile(p: number): number {
    const kept = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    if (kept.length === 0) return Number.NaN;
    return kept[Math.min(kept.length - 1, Math.floor(p * kept.length))] ?? Number.NaN;
  }

  /** The measurements that were kept, in no particular order. */
  values(): number[] {
    return Array.from(this.#values.subarray(0, Math.min(this.#count, this.#values.length)));
  }

  clear(): void {
    this.#count = 0;
  }
}
