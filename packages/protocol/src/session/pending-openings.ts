/** A request that wants a stream. */
export interface PendingOpening {
  /** Tries to open; false = the stream limit is reached. Not called again after true. */
  tryOpen(): boolean;
  /** The queue is full or the session over. */
  refuse(): void;
}

/** Requests that wait for the peer's stream limit, or for the version, in order. Bounded: the newest is refused. */
export class PendingOpenings {
  readonly #maxWaiting: number;
  readonly #waiting: PendingOpening[] = [];
  #ready = false;
  #over = false;

  constructor(options: { readonly maxWaiting: number }) {
    this.#maxWaiting = options.maxWaiting;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(opening: PendingOpening): void {
    if (!this.#over && this.#ready && this.#waiting.length === 0 && opening.tryOpen()) {
      return;
    }
    if (this.#over || this.#waiting.length >= this.#maxWaiting) {
      opening.refuse();
      return;
    }
    this.#waiting.push(opening);
  }

  /** The version is agreed: from now on streams may be opened. */
  start(): void {
    this.#ready = true;
    this.flush();
  }

  flush(): void {
    while (this.#ready) {
      const next = this.#waiting[0];
      if (!next?.tryOpen()) {
        return;
      }
      this.#waiting.shift();
    }
  }

  /** Nothing can be opened any more. */
  refuseAll(): void {
    this.#over = true;
    for (const opening of this.#waiting.splice(0)) {
      opening.refuse();
    }
  }
}
