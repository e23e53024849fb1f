import { QmuxError } from "./qmux-error.ts";

/** What the peer may send over all streams together. */
export class ReceiveWindow {
  readonly #windowBytes: number;
  #received = 0;
  #consumed = 0;
  #limit: number;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#limit = windowBytes;
  }

  /** @throws QmuxError if the peer has sent more than it may */
  onReceived(bytes: number): void {
    this.#received += bytes;
    if (this.#received > this.#limit) {
      throw new QmuxError("flow-control", "the session's window was passed");
    }
  }

  /** The new limit to tell the peer, once half of the window is used; undefined before. */
  onConsumed(bytes: number): number | undefined {
    this.#consumed += bytes;
    if (this.#limit - this.#consumed > this.#windowBytes / 2) return undefined;
    this.#limit = this.#consumed + this.#windowBytes;
    return this.#limit;
  }
}
