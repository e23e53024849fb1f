/** What went wrong; callers branch on it, never on the text. */
export type QuicErrorCode =
  | "unsupported-platform"
  | "invalid-options"
  | "resolve-failed"
  | "socket-failed"
  | "connection-refused"
  | "handshake-timeout"
  | "handshake-failed"
  | "certificate-mismatch"
  | "protocol-mismatch"
  | "session-rejected"
  | "aborted"
  | "packet-malformed"
  | "http3-malformed";

export interface QuicErrorOptions extends ErrorOptions {
  /** HTTP status of a refused WebTransport session. */
  readonly status?: number;
  /** QUIC transport, TLS (0x100 + alert) or application error code that the peer gave. */
  readonly peerCode?: number;
}

/** Base of every error this provider throws. */
export class QuicError extends Error {
  override readonly name: string = "QuicError";
  readonly code: QuicErrorCode;
  readonly status: number | undefined;
  readonly peerCode: number | undefined;

  constructor(code: QuicErrorCode, message: string, options: QuicErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
    this.peerCode = options.peerCode;
  }
}
