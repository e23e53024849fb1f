/** Requests that wait until a playlist or a part is there. */
export interface RequestPool {
  /** Of the node. */
  waits: number;
  waitsRefused: number;
}

/** The one who asks. A signal would cost each request an exception and an event: a fifth of a node's time. */
export interface Requester {
  readonly isGone: boolean;
  /** `listener` is called at most once. */
  onGone(listener: () => void): void;
  offGone(listener: () => void): void;
}

interface Waiting {
  readonly isReady: () => boolean;
  readonly settle: (ready: boolean) => void;
  readonly deadlineMs: number;
}

/**
 * Deadlines are looked at a few times a second. A look that comes later than this says that the process stood still, and
 * with it what was to be read.
 */
const LATE_LOOK_MS = 600;

/** What became of a wait. */
export type WaitOutcome = "ready" | "late" | "full" | "gone";

/** Those that wait for one rendition, all on the node's one budget. */
export class PendingRequests {
  readonly #pool: RequestPool;
  readonly #maxWaits: number;
  readonly #waiting = new Set<Waiting>();
  #lookedMs = Number.NaN;
  #hasForgiven = false;

  constructor(options: { readonly maxWaits: number }, deps: { readonly pool: RequestPool }) {
    this.#maxWaits = options.maxWaits;
    this.#pool = deps.pool;
  }

  get size(): number {
    return this.#waiting.size;
  }

  wait(isReady: () => boolean, deadlineMs: number, requester: Requester): Promise<WaitOutcome> {
    if (isReady()) return Promise.resolve("ready");
    if (this.#pool.waits >= this.#maxWaits) {
      this.#pool.waitsRefused += 1;
      return Promise.resolve("full");
    }
    if (requester.isGone) return Promise.resolve("gone");
    return new Promise((resolve) => {
      const finish = (outcome: WaitOutcome): void => {
        if (!this.#waiting.delete(waiting)) return;
        this.#pool.waits -= 1;
        requester.offGone(onGone);
        resolve(outcome);
      };
      const onGone = (): void => finish("gone");
      const waiting: Waiting = {
        isReady,
        deadlineMs,
        settle: (ready) => finish(ready ? "ready" : "late"),
      };
      this.#waiting.add(waiting);
      this.#pool.waits += 1;
      requester.onGone(onGone);
    });
  }

  /** Something new is there. */
  wake(): void {
    for (const waiting of this.#waiting) if (waiting.isReady()) waiting.settle(true);
  }

  /**
   * Called a few times a second, for all deadlines. After a stand-still of the process they hold once more until the next
   * look: what came meanwhile is read first, or the publisher would be blamed for it.
   */
  expire(nowMs: number): void {
    this.#hasForgiven = nowMs - this.#lookedMs > LATE_LOOK_MS && !this.#hasForgiven;
    this.#lookedMs = nowMs;
    if (this.#hasForgiven) return;
    for (const waiting of this.#waiting) if (nowMs >= waiting.deadlineMs) waiting.settle(false);
  }

  close(): void {
    for (const waiting of this.#waiting) waiting.settle(false);
  }
}
