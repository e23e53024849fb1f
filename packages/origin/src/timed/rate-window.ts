const WINDOW_MS = 1_000;

/** Counts messages and bytes of the last second exactly; holds at most `maxMessages` entries. */
export class RateWindow {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #times: number[] = [];
  readonly #sizes: number[] = [];
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** Which limit one more message would break, or undefined; then it is counted. */
  take(nowMs: number, bytes: number): "messages" | "bytes" | undefined {
    while (this.#times.length > 0 && nowMs - (this.#times[0] ?? 0) >= WINDOW_MS) {
      this.#times.shift();
      this.#bytes -= this.#sizes.shift() ?? 0;
    }
    if (this.#times.length >= this.#maxMessages) return "messages";
    if (this.#bytes + bytes > this.#maxBytes) return "bytes";
    this.#times.push(nowMs);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    return undefined;
  }
}
