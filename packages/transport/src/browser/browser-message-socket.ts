import type { MessageSocket } from "../qmux/index.ts";

/** A browser does not tell when it has sent something, so it is asked this often while anything waits. */
const POLL_MS = 10;

/** A browser's WebSocket. What leaves is small (or one publisher's media), so that each record is put in one piece. */
export class BrowserMessageSocket implements MessageSocket {
  readonly headroomBytes = 0;
  readonly drainBytes = 0;
  readonly #webSocket: WebSocket;
  readonly #onDrained: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(webSocket: WebSocket, onDrained: () => void) {
    this.#webSocket = webSocket;
    this.#onDrained = onDrained;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  cork(): void {
    // A browser gathers what is sent in one task by itself.
  }

  uncork(): void {
    if (this.#timer !== undefined || this.bufferedBytes === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onDrained();
      this.uncork();
    }, POLL_MS);
  }

  send(pieces: readonly Uint8Array[], recordBytes: number): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    const record = new Uint8Array(recordBytes);
    let at = 0;
    for (const piece of pieces) {
      record.set(piece, at);
      at += piece.length;
    }
    this.#webSocket.send(record);
  }

  ping(): void {
    // Pages cannot send the pings of RFC 6455; the node does.
  }

  close(status: number, reason: string): void {
    clearTimeout(this.#timer);
    // Of the others a page may send none (RFC 6455 §7.4.2, WHATWG WebSockets).
    this.#webSocket.close(status === 1_000 ? status : 4_000, reason);
  }
}
