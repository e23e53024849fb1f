/** What went wrong; callers branch on it, never on the text. */
export type WebRtcErrorCode =
  | "unsupported-platform"
  | "invalid-options"
  | "listen-failed"
  | "sdp-malformed"
  | "sdp-unsupported"
  | "candidate-malformed"
  | "ice-restart-unsupported"
  | "too-many-peers"
  | "too-many-half-open"
  | "gathering-timeout"
  | "engine-failed"
  | "closed";

/** Base of every error this provider throws. */
export class WebRtcError extends Error {
  override readonly name = "WebRtcError";
  readonly code: WebRtcErrorCode;

  constructor(code: WebRtcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
