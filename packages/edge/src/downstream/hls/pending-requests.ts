/** Requests that wait until a playlist or a part is there. */
export interface RequestPool {
  /** Of the node. */
  waits: number;
  waitsRefused: number;
}

interface Waiting {
  readonly isReady: () => boolean;
  readonly settle: (ready: boolean) => void;
  readonly deadlineMs: number;
}

/** What became of a wait. */
export type WaitOutcome = "ready" | "late" | "full" | "gone";

/** Those that wait for one rendition, all on the node's one budget. */
export class PendingRequests {
  readonly #pool: RequestPool;
  readonly #maxWaits: number;
  readonly #waiting = new Set<Waiting>();

  constructor(options: { readonly maxWaits: number }, deps: { readonly pool: RequestPool }) {
    this.#maxWaits = options.maxWaits;
    this.#pool = deps.pool;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** `signal`: the one who asks is gone. */
  wait(isReady: () => boolean, deadlineMs: number, signal: AbortSignal | undefined): Promise<WaitOutcome> {
    if (isReady()) return Promise.resolve("ready");
    if (this.#pool.waits >= this.#maxWaits) {
      this.#pool.waitsRefused += 1;
      return Promise.resolve("full");
    }
    if (signal?.aborted === true) return Promise.resolve("gone");
    return new Promise((resolve) => {
      const finish = (outcome: WaitOutcome): void => {
        if (!this.#waiting.delete(waiting)) return;
        this.#pool.waits -= 1;
        signal?.removeEventListener("abort", onAbort);
        resolve(outcome);
      };
      const onAbort = (): void => finish("gone");
      const waiting: Waiting = {
        isReady,
        deadlineMs,
        settle: (ready) => finish(ready ? "ready" : "late"),
      };
      this.#waiting.add(waiting);
      this.#pool.waits += 1;
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Something new is there. */
  wake(): void {
    for (const waiting of this.#waiting) if (waiting.isReady()) waiting.settle(true);
  }

  /** Called a few times a second, for all deadlines. */
  expire(nowMs: number): void {
    for (const waiting of this.#waiting) if (nowMs >= waiting.deadlineMs) waiting.settle(false);
  }

  close(): void {
    for (const waiting of this.#waiting) waiting.settle(false);
  }
}
