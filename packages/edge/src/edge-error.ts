/** What went wrong in this package; callers branch on it, never on the text. */
export type EdgeErrorCode = "parent-url" | "parent-certificate" | "parent-unreachable";

/** Base of every error this package throws. */
export class EdgeError extends Error {
  override readonly name = "EdgeError";
  readonly code: EdgeErrorCode;

  constructor(code: EdgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
