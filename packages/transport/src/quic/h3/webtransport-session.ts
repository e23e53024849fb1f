import type {
  BidiStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
  SessionStats,
} from "../../session.ts";
import { encodeReason } from "../close-reason.ts";
import type { QuicConnection } from "../quic-connection.ts";
import type { QuicStream } from "../quic-stream.ts";
import { formatAddress } from "../raw-session.ts";
import { encodeCloseSession } from "./capsules.ts";
import {
  H3_NO_ERROR,
  SIGNAL_WEBTRANSPORT_BIDI,
  STREAM_WEBTRANSPORT_UNI,
  WEBTRANSPORT_BUFFERED_STREAM_REJECTED,
  WEBTRANSPORT_SESSION_GONE,
} from "./http3-codes.ts";
import { encodeVarint, encodeVarints } from "./varint.ts";

const DEFAULT_PRIORITY = 128;
/**
 * The peer closes the connection, or at least its half of the CONNECT stream, when it has read the close capsule;
 * after this long we do. Until then the capsule is repeated if it is lost. A CONNECTION_CLOSE that comes before it,
 * or in one batch with it, costs the peer the code: browsers then only say that the connection is lost.
 */
const CLOSE_LINGER_MS = 3_000;
/** Chromium 156 loses code and reason as well, in one close of twenty, where resets come in one packet with the capsule. */
const RESETS_AHEAD_MS = 25;
/** Streams that wait for the session to be accepted, or for its handler. */
const MAX_PARKED_STREAMS = 256;

export interface WebTransportSessionOptions {
  readonly id: number;
  readonly protocol: string;
  readonly path: string;
  readonly bearer?: string | undefined;
}

export interface WebTransportSessionDeps {
  readonly connection: QuicConnection;
  readonly connectStream: QuicStream;
  /** Called once when the session ends, before its handler hears of it. */
  readonly onEnd: () => void;
}

/** A WebTransport session over HTTP/3 (draft-ietf-webtrans-http3), the only one of its connection. */
export class WebTransportSession implements Session {
  readonly id: number;
  readonly kind = "webtransport";
  readonly protocol: string;
  readonly path: string;
  readonly bearer: string | undefined;
  readonly remoteAddress: string;
  readonly #connection: QuicConnection;
  readonly #connectStream: QuicStream;
  readonly #onEnd: () => void;
  readonly #uniPreamble: Uint8Array;
  readonly #bidiPreamble: Uint8Array;
  readonly #quarterId: Uint8Array;
  readonly #parked: { stream: QuicStream; bidirectional: boolean }[] = [];
  #handler: SessionHandler | undefined;
  #untoldClose: SessionClose | undefined;
  #closed = false;

  constructor(options: WebTransportSessionOptions, deps: WebTransportSessionDeps) {
    this.id = options.id;
    this.protocol = options.protocol;
    this.path = options.path;
    this.bearer = options.bearer;
    this.#connection = deps.connection;
    this.#connectStream = deps.connectStream;
    this.#onEnd = deps.onEnd;
    this.remoteAddress = formatAddress(deps.connection);
    const sessionId = deps.connectStream.id;
    this.#uniPreamble = encodeVarints(STREAM_WEBTRANSPORT_UNI, sessionId);
    this.#bidiPreamble = encodeVarints(SIGNAL_WEBTRANSPORT_BIDI, sessionId);
    // Client-opened bidirectional ids are multiples of four (RFC 9297 §2.1).
    this.#quarterId = encodeVarint(sessionId / 4);
    deps.connection.sessionOpen = true;
    deps.connection.overflow = (code, reason) => this.close(code, reason);
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    if (handler === undefined) return;
    const close = this.#untoldClose;
    this.#untoldClose = undefined;
    if (close !== undefined) setImmediate(() => handler.onClose(close));
    else if (this.#parked.length > 0) setImmediate(() => this.#deliverParked());
  }

  get closed(): boolean {
    return this.#closed || this.#connection.closed;
  }

  get maxDatagramBytes(): number {
    return Math.max(0, this.#connection.maxDatagramBytes - this.#quarterId.length);
  }

  openUni(priority = DEFAULT_PRIORITY): SendStream | undefined {
    if (this.closed) return undefined;
    return this.#begin(this.#connection.openStream(false, priority), this.#uniPreamble);
  }

  openBidi(priority = DEFAULT_PRIORITY): BidiStream | undefined {
    if (this.closed) return undefined;
    return this.#begin(this.#connection.openStream(true, priority), this.#bidiPreamble);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed || bytes.length > this.maxDatagramBytes) return false;
    const datagram = new Uint8Array(this.#quarterId.length + bytes.length);
    datagram.set(this.#quarterId);
    datagram.set(bytes, this.#quarterId.length);
    return this.#connection.sendDatagram(datagram);
  }

  stats(): SessionStats {
    return this.#connection.stats();
  }

  ping(): void {
    this.#connection.ping();
  }

  /**
   * The streams are reset before the capsule comes (draft-ietf-webtrans-http3 §6). To Chromium 156 it is more than good
   * manners: it ends what is left open by itself, and where its page learns of that before it learns of the session's
   * end, the page crashes.
   */
  close(code: number, reason: string): void {
    if (this.closed) return;
    const bytes = encodeReason(reason);
    const tellPeer = (): void => {
      this.#connectStream.write(encodeCloseSession(code, bytes));
      this.#connectStream.finish();
    };
    if (this.#connection.releaseStreams(this.#connectStream)) setTimeout(tellPeer, RESETS_AHEAD_MS);
    else tellPeer();
    const close: SessionClose = { code, reason: new TextDecoder().decode(bytes), remote: false };
    this.#end();
    setImmediate(() => this.#tell(close));
    this.#connection.closeAfter(CLOSE_LINGER_MS, H3_NO_ERROR);
  }

  /** A stream that the peer opened for this session; `rest` of it came with the preamble. */
  acceptStream(stream: QuicStream, bidirectional: boolean, rest: Uint8Array, fin: boolean): void {
    if (this.#closed) return;
    stream.releaseWireCode = WEBTRANSPORT_SESSION_GONE;
    stream.receiver = undefined;
    if (this.#handler === undefined) {
      if (this.#parked.length === MAX_PARKED_STREAMS) {
        stream.stopWire(WEBTRANSPORT_BUFFERED_STREAM_REJECTED);
        stream.resetWire(WEBTRANSPORT_BUFFERED_STREAM_REJECTED);
        return;
      }
      this.#parked.push({ stream, bidirectional });
      if (rest.length > 0 || fin) stream.keepUnread(rest, fin);
      return;
    }
    this.#announce(stream, bidirectional);
    if (rest.length === 0 && !fin) return;
    if (!stream.deliverRest(rest, fin)) stream.keepUnread(rest, fin);
  }

  onDatagram(bytes: Uint8Array): void {
    if (!this.#closed) this.#handler?.onDatagram(bytes);
  }

  onStreamsAvailable(): void {
    if (!this.#closed) this.#handler?.onStreamsAvailable();
  }

  /** The peer ended the session: by capsule, by the end of its CONNECT stream, or with the connection. */
  onPeerClosed(close: SessionClose): void {
    if (this.#closed) return;
    this.#end();
    this.#tell(close);
  }

  #begin(stream: QuicStream | undefined, preamble: Uint8Array): QuicStream | undefined {
    if (stream === undefined) return undefined;
    stream.releaseWireCode = WEBTRANSPORT_SESSION_GONE;
    stream.write(preamble);
    return stream;
  }

  #announce(stream: QuicStream, bidirectional: boolean): void {
    if (bidirectional) this.#handler?.onBidiStream(stream);
    else this.#handler?.onUniStream(stream);
  }

  #deliverParked(): void {
    for (const { stream, bidirectional } of this.#parked.splice(0)) {
      if (!this.#closed) this.#announce(stream, bidirectional);
    }
  }

  #end(): void {
    this.#closed = true;
    this.#parked.length = 0;
    this.#onEnd();
  }

  #tell(close: SessionClose): void {
    if (this.#handler === undefined) this.#untoldClose = close;
    else this.#handler.onClose(close);
  }
}
