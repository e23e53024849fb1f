/** What went wrong; callers branch on it, never on the text. */
export type WebSocketErrorCode = "connection-refused" | "session-rejected" | "handshake-timeout" | "aborted";

/** A session over WebSocket could not be opened. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";
  readonly code: WebSocketErrorCode;
  /** HTTP status of a refused session. */
  readonly status: number | undefined;

  constructor(code: WebSocketErrorCode, message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}
