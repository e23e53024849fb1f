import type { SessionClose } from "../../session.ts";
import type { ConnectionHandler } from "../connection-handler.ts";
import type { QuicConnection } from "../quic-connection.ts";
import type { QuicCounters } from "../quic-counters.ts";
import type { QuicStream } from "../quic-stream.ts";
import { createCapsuleReader } from "./capsules.ts";
import { FrameReader } from "./frame-reader.ts";
import * as codes from "./http3-codes.ts";
import { Http3Error } from "./http3-error.ts";
import { PreambleReader } from "./preamble-reader.ts";
import { decodeSettings, encodeSettings } from "./settings.ts";
import { WEBTRANSPORT_CODES } from "./stream-error-codes.ts";
import { encodeVarint, readVarint, varintLength } from "./varint.ts";
import type { WebTransportSession } from "./webtransport-session.ts";

const TOP_PRIORITY = 255;
const CONTROL_FRAMES: ReadonlySet<number> = new Set([
  codes.FRAME_SETTINGS,
  codes.FRAME_GOAWAY,
  codes.FRAME_HEADERS,
]);
const NONE = -1;
/** Streams for a session that does not exist yet: the CONNECT request may be in a lost packet. */
const MAX_EARLY_STREAMS = 64;

/** What a server or a client does with HTTP/3 beyond what both have in common. */
export interface Http3Role {
  onSettings(settings: ReadonlyMap<number, number>): void;
  /** A bidirectional stream that is no WebTransport stream. `bytes` is the beginning of it. */
  onRequestStream(stream: QuicStream, bytes: Uint8Array, fin: boolean): void;
  /** The connection ended while there was no session. */
  onClosedEarly(close: SessionClose): void;
}

/**
 * HTTP/3 on one connection (RFC 9114) as far as WebTransport needs it: control streams and SETTINGS, the CONNECT
 * stream's capsules, and the streams and datagrams of the one session.
 */
export class Http3Connection implements ConnectionHandler {
  readonly accepting = true;
  role: Http3Role | undefined;
  session: WebTransportSession | undefined;
  readonly connection: QuicConnection;
  readonly #counters: QuicCounters;
  readonly #early: { stream: QuicStream; bidirectional: boolean; sessionId: number }[] = [];
  readonly #peerStreams = new Set<number>();
  #sessionStreamId = NONE;

  constructor(connection: QuicConnection, counters: QuicCounters) {
    this.connection = connection;
    this.#counters = counters;
    connection.codes = WEBTRANSPORT_CODES;
    connection.handler = this;
  }

  /** Opens the control stream with our SETTINGS. */
  start(): void {
    const control = this.connection.openStream(false, TOP_PRIORITY);
    if (control === undefined) {
      this.fail(new Http3Error(codes.H3_STREAM_CREATION_ERROR, "no control stream allowed"));
      return;
    }
    control.write(encodeVarint(codes.STREAM_CONTROL));
    const settings = encodeSettings();
    control.write(
      Buffer.concat([encodeVarint(codes.FRAME_SETTINGS), encodeVarint(settings.length), settings]),
    );
    control.handler = {
      onDrain: () => {},
      onStop: () => this.fail(new Http3Error(codes.H3_CLOSED_CRITICAL_STREAM, "control stream stopped")),
    };
  }

  /** The session is open: its CONNECT stream carries capsules from now on. */
  openSession(session: WebTransportSession, connectStream: QuicStream): void {
    this.session = session;
    this.#sessionStreamId = connectStream.id;
    for (const { stream, bidirectional, sessionId } of this.#early.splice(0)) {
      const nothing = new Uint8Array(0);
      if (sessionId === connectStream.id) session.acceptStream(stream, bidirectional, nothing, false);
    }
  }

  /** Reads the CONNECT stream after its headers; feed it the payloads of DATA frames. */
  createCapsules(): FrameReader {
    return createCapsuleReader({
      onCloseSession: (code, reason) => this.#endedByPeer({ code, reason, remote: true }),
      // The layer above has its own word for going away (GOAWAY of MoQ); nothing to do here.
      onDrainSession: () => {},
    });
  }

  /** The CONNECT stream ended without a close capsule. */
  onConnectStreamEnd(reset: boolean): void {
    const close = { code: reset ? undefined : 0, reason: reset ? "session reset" : "", remote: true };
    this.#endedByPeer(close);
  }

  /** Closes the connection because the peer broke the protocol. Other errors are passed on. */
  fail(error: unknown): void {
    if (!(error instanceof Http3Error)) throw error;
    this.#counters.protocolErrors += 1;
    const close: SessionClose = { code: undefined, reason: error.message, remote: false };
    this.connection.close(error.h3Code, Buffer.from(error.message), close);
  }

  onEstablished(): void {
    // HTTP/3 starts only after the handshake.
  }

  onStream(stream: QuicStream, bidirectional: boolean): void {
    stream.receiver = new PreambleReader(stream, bidirectional, {
      onWebTransportStream: (opened, sessionId, rest, fin) =>
        this.#onWebTransportStream(opened, bidirectional, sessionId, rest, fin),
      onOtherStream: (opened, type, bytes, fin) => {
        if (bidirectional) this.role?.onRequestStream(opened, bytes, fin);
        else this.#onUniStream(opened, type, bytes);
      },
    });
  }

  onDatagram(bytes: Uint8Array): void {
    const length = varintLength(bytes[0] ?? 0);
    if (this.session === undefined || bytes.length < length) {
      this.#counters.datagramsDropped += 1;
    } else if (readVarint(bytes, 0) * 4 === this.#sessionStreamId) {
      this.session.onDatagram(bytes.subarray(length));
    }
  }

  onStreamsAvailable(): void {
    this.session?.onStreamsAvailable();
  }

  shutDown(): void {
    if (this.session !== undefined) this.session.close(0, "server closed");
    else this.connection.close(codes.H3_NO_ERROR, new Uint8Array(0), localClose("server closed"));
  }

  onClosed(close: SessionClose): void {
    // The codes of CONNECTION_CLOSE are HTTP/3's own, not the application's.
    const withoutCode: SessionClose = { ...close, code: undefined };
    if (this.session === undefined) this.role?.onClosedEarly(withoutCode);
    else this.session.onPeerClosed(withoutCode);
  }

  #endedByPeer(close: SessionClose): void {
    if (this.session === undefined) return;
    if (this.session.closed) {
      // The answer to our own close.
      this.connection.shortenLinger();
      return;
    }
    this.session.onPeerClosed(close);
    this.connection.close(codes.H3_NO_ERROR, new Uint8Array(0), close);
  }

  #onWebTransportStream(
    stream: QuicStream,
    bidirectional: boolean,
    sessionId: number,
    rest: Uint8Array,
    fin: boolean,
  ): void {
    if (this.session !== undefined) {
      if (sessionId === this.#sessionStreamId) {
        this.session.acceptStream(stream, bidirectional, rest, fin);
        return;
      }
    } else if (this.#early.length < MAX_EARLY_STREAMS) {
      stream.receiver = undefined;
      if (rest.length > 0 || fin) stream.keepUnread(rest, fin);
      this.#early.push({ stream, bidirectional, sessionId });
      return;
    }
    stream.stopWire(codes.WEBTRANSPORT_BUFFERED_STREAM_REJECTED);
    stream.resetWire(codes.WEBTRANSPORT_BUFFERED_STREAM_REJECTED);
  }

  #onUniStream(stream: QuicStream, type: number, bytes: Uint8Array): void {
    const critical =
      type === codes.STREAM_CONTROL ||
      type === codes.STREAM_QPACK_ENCODER ||
      type === codes.STREAM_QPACK_DECODER;
    if (type === codes.STREAM_PUSH || (critical && this.#peerStreams.has(type))) {
      this.fail(new Http3Error(codes.H3_STREAM_CREATION_ERROR, `stream of type ${type} not allowed`));
      return;
    }
    if (!critical) {
      stream.stopWire(codes.H3_STREAM_CREATION_ERROR);
      return;
    }
    this.#peerStreams.add(type);
    // QPACK's streams have nothing to say while the dynamic table is off; they are read and ignored.
    const frames = type === codes.STREAM_CONTROL ? this.#createControlReader() : undefined;
    const push = (piece: Uint8Array, fin: boolean): void => {
      try {
        frames?.push(piece);
        if (fin) throw new Http3Error(codes.H3_CLOSED_CRITICAL_STREAM, "critical stream closed");
      } catch (error) {
        this.fail(error);
      }
    };
    stream.receiver = {
      onData: push,
      onReset: () => push(new Uint8Array(0), true),
    };
    push(bytes.subarray(varintLength(bytes[0] ?? 0)), false);
  }

  #createControlReader(): FrameReader {
    let settled = false;
    return new FrameReader(
      {
        onFrame: (type, payload) => {
          if (type === codes.FRAME_SETTINGS && !settled) {
            settled = true;
            this.role?.onSettings(decodeSettings(payload));
          } else if (!settled) {
            throw new Http3Error(codes.H3_MISSING_SETTINGS, "SETTINGS must come first");
          } else if (type !== codes.FRAME_GOAWAY) {
            throw new Http3Error(codes.H3_FRAME_UNEXPECTED, `frame ${type} on the control stream`);
          }
        },
        onData: () => {
          throw new Http3Error(codes.H3_FRAME_UNEXPECTED, "DATA on the control stream");
        },
      },
      CONTROL_FRAMES,
    );
  }
}

function localClose(reason: string): SessionClose {
  return { code: undefined, reason, remote: false };
}
