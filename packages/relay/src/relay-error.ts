/** Why the relay refused something; a closed union, so that callers can switch over it. */
export type RelayErrorCode =
  | "broadcast_exists"
  | "broadcast_closed"
  | "track_closed"
  | "group_exists"
  | "invalid_path"
  | "limit_reached"
  | "unauthorized"
  | "no_parent"
  | "connect_failed"
  | "closed";

/** The one error class of this package. `subject` names the path, track or limit in question. */
export class RelayError extends Error {
  override readonly name = "RelayError";
  readonly code: RelayErrorCode;
  readonly subject: string;

  constructor(code: RelayErrorCode, subject: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${subject}`, options);
    this.code = code;
    this.subject = subject;
  }
}
