/**
 * The one interface of a transport connection that carries streams and datagrams.
 * Every provider (quic, browser, memory) implements it and passes the same compliance suite.
 *
 * Rules that hold for all of it:
 * - Callbacks, not promises: nothing here is awaited per frame or packet.
 * - A handler is never called from inside the caller's own call on the same object (no re-entrance); it is
 *   called from the provider's loop, after the packet or tick that caused it.
 * - After `onClose` no further handler of the session or its streams is called.
 * - Calls on a closed, finished or reset object do nothing; they never throw.
 */

/** What carries the session; also the value of the metrics label `transport`. */
export type TransportKind = "quic" | "webtransport" | "websocket" | "memory";

/** Why a session ended. `code` is the application error code, or undefined if the transport ended it. */
export interface SessionClose {
  readonly code: number | undefined;
  readonly reason: string;
  /** True if the other side closed, false if this side did (or its timers). */
  readonly remote: boolean;
}

export interface SessionStats {
  /** Smoothed round-trip time in milliseconds; 0 = unknown. */
  readonly rttMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly lostPackets: number;
  /** Estimated rate at which this session can send, bits per second; 0 = unknown. */
  readonly sendRateBps: number;
  /** Bytes accepted by `write` that have not been handed to the transport yet, over all streams. */
  readonly bufferedBytes: number;
  /** Milliseconds since the last packet from the peer. */
  readonly silentMs: number;
}

export interface SendStreamHandler {
  /** The buffered bytes fell under the low-water mark after `write` had returned false. */
  onDrain(): void;
  /** The peer sent STOP_SENDING with this application code; the stream is over. */
  onStop(code: number): void;
}

export interface SendStream {
  readonly id: number;
  handler: SendStreamHandler | undefined;
  /** Bytes accepted but not yet handed to the transport. */
  readonly bufferedBytes: number;
  /**
   * Accepts all of `bytes` without copying them; the caller must not change them afterwards (they may be shared
   * by many streams). Returns false once more than the high-water mark is buffered: write no more until
   * `onDrain`. Nothing is lost if the caller writes all the same; the session closes when its hard bound
   * (`maxSessionBufferBytes`) is passed.
   */
  write(bytes: Uint8Array): boolean;
  /** Ends the stream after what is buffered (FIN). */
  finish(): void;
  /** Abandons the stream: drops what is buffered and sends RESET_STREAM with the application code. */
  reset(code: number): void;
  /** 0 to 255, higher is sent first among the session's streams; equal ones share in order of opening. */
  setPriority(priority: number): void;
}

export interface ReceiveStreamHandler {
  /**
   * Bytes in order. `bytes` may be empty when only `fin` is news. They are valid during this call only: the
   * provider reuses the buffer, so whoever keeps them copies them.
   */
  onData(bytes: Uint8Array, fin: boolean): void;
  /** The peer sent RESET_STREAM with this application code; no more data. */
  onReset(code: number): void;
}

export interface ReceiveStream {
  readonly id: number;
  /** Set it inside `onUniStream`/`onBidiStream` or right after opening; data that came earlier waits for it. */
  receiver: ReceiveStreamHandler | undefined;
  /** Sends STOP_SENDING with the application code; no more data is delivered. */
  stop(code: number): void;
  /** Stops delivery; flow control then holds the peer back. */
  pause(): void;
  resume(): void;
}

export interface BidiStream extends SendStream, ReceiveStream {}

export interface SessionHandler {
  onUniStream(stream: ReceiveStream): void;
  onBidiStream(stream: BidiStream): void;
  /** `bytes` are valid during this call only. */
  onDatagram(bytes: Uint8Array): void;
  /** The peer allows more streams after an `open…` call had returned undefined. */
  onStreamsAvailable(): void;
  onClose(close: SessionClose): void;
}

export interface Session {
  /** Unique within this process. */
  readonly id: number;
  readonly kind: TransportKind;
  /** ALPN token (raw QUIC) or WebTransport subprotocol that is in force, such as `moq-lite-05`; "" if none. */
  readonly protocol: string;
  /** Path and query of the session's URL (WebTransport, WebSocket), such as `/live?jwt=…`; "" on raw QUIC. */
  readonly path: string;
  /** On a server: the token that came as `Authorization: Bearer`, if one did. Browsers cannot send it. */
  readonly bearer?: string | undefined;
  /** Address of the peer as `ip:port`, for limits; never a metrics label. */
  readonly remoteAddress: string;
  /** Largest datagram in bytes; 0 if datagrams are not available. */
  readonly maxDatagramBytes: number;
  handler: SessionHandler | undefined;
  /** Opens a stream at once, or returns undefined while the peer's stream limit is reached. */
  openUni(priority?: number): SendStream | undefined;
  openBidi(priority?: number): BidiStream | undefined;
  /** Returns false if the datagram was dropped (too large, queue full, closed). */
  sendDatagram(bytes: Uint8Array): boolean;
  /** A snapshot; cheap enough for once a second per session, not for every packet. */
  stats(): SessionStats;
  /** Sends an ack-eliciting packet, so that `silentMs` of a live peer stays small. */
  ping(): void;
  /** Closes all streams and the session. Idempotent. `reason` is cut at 1,024 bytes of UTF-8. */
  close(code: number, reason: string): void;
  readonly closed: boolean;
}

/** Answers whether a server takes a session before any handler runs. */
export interface SessionRequest {
  readonly kind: TransportKind;
  readonly remoteAddress: string;
  /** Path with query; "" on raw QUIC. */
  readonly path: string;
  /** Of `Authorization: Bearer`, if any. */
  readonly bearer?: string | undefined;
  /** Value of the `origin` header, if any. */
  readonly origin: string | undefined;
  /** Subprotocols that the client offers, in its order of preference; on raw QUIC the negotiated ALPN alone. */
  readonly protocols: readonly string[];
}

export type SessionDecision =
  | { readonly accept: true /** Must be one of the offered ones, or "". */; readonly protocol: string }
  | {
      readonly accept: false /** HTTP status for WebTransport. */;
      readonly status: number;
      readonly reason: string;
    };

/** A listening transport. */
export interface SessionServer extends AsyncDisposable {
  /** The bound address, with the real port when 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number };
  /** Closes all sessions and the socket. Idempotent. */
  close(): Promise<void>;
}

export interface SessionServerHandler {
  /**
   * Whether the session is let in: at once, or by undefined now and `decide`, once, later; then within the time that
   * a handshake may take. A session that is let in is given to `onSession` inside the call of `decide`.
   */
  onRequest(
    request: SessionRequest,
    decide: (decision: SessionDecision) => void,
  ): SessionDecision | undefined;
  /** A session is open; its `handler` must be set before this returns. */
  onSession(session: Session): void;
}
