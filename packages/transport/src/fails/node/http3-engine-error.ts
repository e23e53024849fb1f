/** What went wrong; callers branch on it, never on the text. */
export type Http3EngineErrorCode = "add-on-missing" | "add-on-broken" | "invalid-options" | "socket-failed";

export class Http3EngineError extends Error {
  override readonly name = "Http3EngineError";
  readonly code: Http3EngineErrorCode;

  constructor(code: Http3EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
