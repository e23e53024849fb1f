import type { SendStreamHandler } from "../session.ts";

export interface SendHalfOptions {
  readonly windowBytes: number;
  readonly highWaterBytes: number;
  readonly lowWaterBytes: number;
}

/** The sending half of a stream: the chunks that the link has not taken yet. */
export class SendHalf {
  readonly #options: SendHalfOptions;
  readonly #chunks: Uint8Array[] = [];
  #headOffset = 0;
  #finishing = false;
  #drainOwed = false;
  handler: SendStreamHandler | undefined;
  priority: number;
  bufferedBytes = 0;
  /** Bytes that the peer still allows on this stream. */
  creditBytes: number;
  /** FIN or RESET has been handed over, or the peer stopped the stream. */
  done = false;

  constructor(options: SendHalfOptions, priority: number) {
    this.#options = options;
    this.creditBytes = options.windowBytes;
    this.priority = priority;
  }

  get open(): boolean {
    return !this.done && !this.#finishing;
  }

  get hasWork(): boolean {
    return !this.done && ((this.bufferedBytes > 0 && this.creditBytes > 0) || this.#onlyFinLeft);
  }

  get #onlyFinLeft(): boolean {
    return this.#finishing && this.bufferedBytes === 0;
  }

  write(bytes: Uint8Array): boolean {
    if (bytes.length > 0) {
      this.#chunks.push(bytes);
      this.bufferedBytes += bytes.length;
    }
    if (this.bufferedBytes <= this.#options.highWaterBytes) {
      return true;
    }
    this.#drainOwed = true;
    return false;
  }

  finish(): void {
    this.#finishing = true;
  }

  /** Takes at most `maxBytes` (and the credit) off the front; `fin` ends the stream. */
  take(maxBytes: number): { readonly bytes: Uint8Array; readonly fin: boolean } {
    const head = this.#chunks[0];
    if (head === undefined) {
      this.done = true;
      return { bytes: new Uint8Array(0), fin: true };
    }
    const length = Math.min(maxBytes, this.creditBytes, head.length - this.#headOffset);
    const bytes = head.subarray(this.#headOffset, this.#headOffset + length);
    this.#headOffset += length;
    if (this.#headOffset === head.length) {
      this.#chunks.shift();
      this.#headOffset = 0;
    }
    this.bufferedBytes -= length;
    this.creditBytes -= length;
    const fin = this.#onlyFinLeft;
    this.done = fin;
    return { bytes, fin };
  }

  /** Drops what is buffered. */
  abandon(): void {
    this.done = true;
    this.#chunks.length = 0;
    this.#headOffset = 0;
    this.bufferedBytes = 0;
  }

  /** True once after `write` had returned false and the buffer has emptied enough. */
  takeDrain(): boolean {
    if (!this.#drainOwed || this.done || this.bufferedBytes > this.#options.lowWaterBytes) {
      return false;
    }
    this.#drainOwed = false;
    return true;
  }
}
