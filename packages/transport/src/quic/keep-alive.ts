/** Keeps a connection that has nothing to say from being idle for too long (RFC 9000 §10.1.2). */
export class KeepAlive {
  /** When the last packet came. */
  receivedMs: number;
  /** When the peer was last sent something that it has to acknowledge, for no other reason. */
  askedMs: number;
  readonly #intervalMs: number;

  /** `intervalMs` 0: never. */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.receivedMs = nowMs;
    this.askedMs = nowMs;
  }

  /** When to ask the peer for a sign of life; Infinity = never. */
  get dueMs(): number {
    if (this.#intervalMs <= 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.receivedMs, this.askedMs) + this.#intervalMs;
  }
}
