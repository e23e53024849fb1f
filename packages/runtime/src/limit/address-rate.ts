import { addressKey } from "./address-key.ts";

export interface AddressRateOptions {
  /** What one address may do in a second on average; 0 = as much as it likes. */
  readonly perSecond: number;
  /** What it may do at once after a quiet time. */
  readonly burst: number;
  /** Addresses remembered, about 150 bytes each; the one seen longest ago is forgotten, and begins anew. */
  readonly maxAddresses?: number;
}

const DEFAULT_MAX_ADDRESSES = 50_000;

interface Bucket {
  left: number;
  filledMs: number;
}

/** A token bucket per address, in a table that cannot grow without bound. */
export class AddressRate {
  readonly #options: AddressRateOptions;
  readonly #maxAddresses: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: AddressRateOptions) {
    this.#options = options;
    this.#maxAddresses = options.maxAddresses ?? DEFAULT_MAX_ADDRESSES;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one from the address's bucket; false if it is empty. `nowMs` must not run backwards. */
  take(address: string, nowMs: number): boolean {
    const { perSecond, burst } = this.#options;
    if (perSecond <= 0) return true;
    const key = addressKey(address);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      this.#forgetOldest();
      bucket = { left: burst, filledMs: nowMs };
    } else {
      const earned = ((nowMs - bucket.filledMs) / 1_000) * perSecond;
      bucket.left = Math.min(burst, bucket.left + Math.max(0, earned));
      bucket.filledMs = nowMs;
      // The order of insertion is kept as the order of last use.
      this.#buckets.delete(key);
    }
    this.#buckets.set(key, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #forgetOldest(): void {
    if (this.#buckets.size < this.#maxAddresses) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
