/** Why a session could not be opened. */
export type ConnectErrorCode =
  /** The browser has no such transport. */
  | "unsupported"
  /** The handshake failed: unreachable, wrong certificate, or refused by the server; browsers don't say which. */
  | "refused"
  | "timeout"
  /** The caller's signal was aborted. */
  | "aborted";

/** A session could not be opened. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code: ConnectErrorCode;
  readonly url: string;

  constructor(code: ConnectErrorCode, url: string, cause?: unknown) {
    super(`session ${code}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.url = url;
  }
}
