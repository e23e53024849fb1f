import type { ReceiveStream } from "@canopy/transport";

/** Long enough for what has arrived to be read, too short for the window that this opens to be filled again. */
const READ_MS = 2;
/** Streams that are kept paused; the oldest are over by then. */
const MAX_STREAMS = 64;

/** Holds streams paused and lets one of them, in turn, deliver what has arrived, some times a second. */
export class ThrottledReading {
  readonly #streams: ReceiveStream[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(readsPerSecond: number) {
    this.#timer = setInterval(() => this.#readOne(), 1_000 / readsPerSecond);
  }

  /** From now on `stream` is read at this rate, together with the others. */
  take(stream: ReceiveStream): void {
    stream.pause();
    this.#streams.push(stream);
    if (this.#streams.length > MAX_STREAMS) this.#streams.shift();
  }

  #readOne(): void {
    const stream = this.#streams.shift();
    if (stream === undefined) return;
    this.#streams.push(stream);
    stream.resume();
    setTimeout(() => stream.pause(), READ_MS);
  }

  /** Everything flows again. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams.splice(0)) stream.resume();
  }
}
