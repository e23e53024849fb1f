export type BroadcastErrorCode =
  | "bad_target"
  | "bad_option"
  | "source_unreadable"
  | "source_lost"
  | "source_unsupported"
  | "encoder_failed"
  | "target_refused"
  | "target_unreachable";

/** Why a broadcast cannot start or a connection attempt of it failed. */
export class BroadcastError extends Error {
  override readonly name = "BroadcastError";
  readonly code: BroadcastErrorCode;

  constructor(code: BroadcastErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
