/** What happens to an item that does not fit. */
export type OverflowPolicy = "drop-oldest" | "drop-newest";

export interface BoundedQueueOptions<T> {
  readonly capacity: number;
  readonly overflow: OverflowPolicy;
  /** Settles an item that will never be taken: refuses it, frees it, answers whoever waits for it. */
  readonly onDrop: (item: T) => void;
}

/** A first-in, first-out ring with a bound that is enforced on push and a counter of what it cost. */
export class BoundedQueue<T> {
  readonly #items: (T | undefined)[];
  readonly #options: BoundedQueueOptions<T>;
  #head = 0;
  #size = 0;
  #dropped = 0;

  constructor(options: BoundedQueueOptions<T>) {
    if (!Number.isInteger(options.capacity) || options.capacity < 1) {
      throw new RangeError("the capacity of a queue is a whole number of at least 1");
    }
    this.#options = options;
    this.#items = new Array<T | undefined>(options.capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Items that did not fit, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Returns false if an item, this one or the oldest, was dropped for it. */
  push(item: T): boolean {
    let fitted = true;
    if (this.#size === this.#options.capacity) {
      fitted = false;
      this.#dropped += 1;
      if (this.#options.overflow === "drop-newest") {
        this.#options.onDrop(item);
        return false;
      }
      this.#options.onDrop(this.shift() as T);
    }
    this.#items[(this.#head + this.#size) % this.#options.capacity] = item;
    this.#size += 1;
    return fitted;
  }

  /** The oldest item, or undefined when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#options.capacity;
    this.#size -= 1;
    return item;
  }

  /** Settles everything that is left. */
  clear(): void {
    while (this.#size > 0) this.#options.onDrop(this.shift() as T);
  }
}
