/** What went wrong in this package; callers branch on it, never on the text. */
export type RuntimeErrorCode =
  | "config-invalid"
  | "config-unknown-key"
  | "token-invalid"
  | "token-expired"
  | "token-key-invalid"
  | "deadline-passed"
  | "listen-failed"
  | "registry-away";

/** Base of every error this package throws. */
export class RuntimeError extends Error {
  override readonly name: string = "RuntimeError";
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
