import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { MessageSocket } from "../qmux/index.ts";

/** FIN and opcode 2 (RFC 6455 §5.2). */
const BINARY_MESSAGE = 0x82;
/** Lengths from here on take two more bytes. */
const SHORT_LENGTH = 126;

/**
 * Sends records as WebSocket messages on the socket itself: a server's frames are not masked, so the header is put
 * into the headroom of the record and the payload leaves as it is, shared by all viewers, in one `writev` per flush.
 * `ws` keeps the rest of RFC 6455: handshake, receiving, pings and closing. It has nothing of its own queued, as it
 * neither compresses nor sends data here, so its control frames stand between ours, never inside one.
 */
export class ServerSocket implements MessageSocket {
  readonly headroomBytes = 4;
  readonly drainBytes: number;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;

  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.drainBytes = socket.writableHighWaterMark;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  send(pieces: readonly Uint8Array[], recordBytes: number): void {
    const [first] = pieces;
    if (first === undefined || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const socket = this.#socket;
    if (recordBytes < SHORT_LENGTH) {
      first[2] = BINARY_MESSAGE;
      first[3] = recordBytes;
      socket.write(first.subarray(2));
    } else {
      first[0] = BINARY_MESSAGE;
      first[1] = SHORT_LENGTH;
      first[2] = recordBytes >>> 8;
      first[3] = recordBytes;
      socket.write(first);
    }
    for (let index = 1; index < pieces.length; index += 1) socket.write(pieces[index]);
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  close(status: number, reason: string): void {
    this.#webSocket.close(status, reason);
  }
}
