/** 4,096 ids: over two minutes at 30 messages a second; at 64 characters each below 1 MB. */
const DEFAULT_CAPACITY = 4096;

/** Tells the first copy of a message from the others: every message comes as SEI (three times) and on the track. */
export class TimedMessageDeduplicator {
  readonly #seen = new Set<string>();
  readonly #capacity: number;
  #duplicates = 0;
  #evicted = 0;

  constructor(options: { readonly capacity?: number } = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  /** Copies that were turned away. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Ids forgotten for lack of room, oldest first; a later copy of one would count as new. */
  get evicted(): number {
    return this.#evicted;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** True for the first copy of `id`, which is remembered from now on. */
  isNew(id: string): boolean {
    if (this.#seen.has(id)) {
      this.#duplicates += 1;
      return false;
    }
    if (this.#seen.size >= this.#capacity) {
      // A Set iterates in order of insertion, so the first one is the oldest.
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        this.#evicted += 1;
        break;
      }
    }
    this.#seen.add(id);
    return true;
  }
}
