import type { ReceiveStreamHandler } from "../../session.ts";
import type { QuicStream } from "../quic-stream.ts";
import { SIGNAL_WEBTRANSPORT_BIDI, STREAM_WEBTRANSPORT_UNI } from "./http3-codes.ts";
import { readVarint, varintLength } from "./varint.ts";

/** Two integers of at most 8 bytes. */
const MAX_PREAMBLE_BYTES = 16;

export interface PreambleHandler {
  /** A WebTransport stream of the session `sessionId`; `rest` is the first of its content, valid in the call. */
  onWebTransportStream(stream: QuicStream, sessionId: number, rest: Uint8Array, fin: boolean): void;
  /** Any other stream. `type` is its first integer; `bytes` are all that came, from the first one on. */
  onOtherStream(stream: QuicStream, type: number, bytes: Uint8Array, fin: boolean): void;
}

/** Reads what a new stream says it is for: a type, and for WebTransport streams the session (draft §4.2, §4.3). */
export class PreambleReader implements ReceiveStreamHandler {
  readonly #stream: QuicStream;
  readonly #webTransportType: number;
  readonly #handler: PreambleHandler;
  #bytes = new Uint8Array(0);

  constructor(stream: QuicStream, bidirectional: boolean, handler: PreambleHandler) {
    this.#stream = stream;
    this.#webTransportType = bidirectional ? SIGNAL_WEBTRANSPORT_BIDI : STREAM_WEBTRANSPORT_UNI;
    this.#handler = handler;
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    // The usual case: the whole preamble is in the first packet.
    const all = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const typeLength = varintLength(all[0] ?? 0);
    if (all.length >= typeLength) {
      const type = readVarint(all, 0);
      if (type !== this.#webTransportType) {
        this.#handler.onOtherStream(this.#stream, type, all, fin);
        return;
      }
      const length = typeLength + varintLength(all[typeLength] ?? 0);
      if (all.length >= length && all.length > typeLength) {
        const sessionId = readVarint(all, typeLength);
        this.#handler.onWebTransportStream(this.#stream, sessionId, all.subarray(length), fin);
        return;
      }
    }
    // A stream that ends within its preamble was nothing.
    if (!fin && all.length < MAX_PREAMBLE_BYTES) this.#bytes = Uint8Array.from(all);
  }

  onReset(): void {
    // Nothing was known about it yet.
  }
}
