/** Why a player stopped or had to start over. */
export type PlayerErrorCode =
  /** This browser lacks what every wanted transport needs. */
  | "unsupported"
  /** An attribute or option is wrong. */
  | "configuration"
  /** No edge could be reached, or the session to it was lost. */
  | "unreachable"
  /** The token does not allow this broadcast. */
  | "unauthorized"
  /** The edge broke the protocol or sent a catalog that cannot be read. */
  | "protocol"
  /** The broadcast has no rendition that this browser can decode. */
  | "codec"
  /** A decoder failed on the data; playback goes on at the next keyframe. */
  | "decode";

/** The one error class of this package. */
export class PlayerError extends Error {
  override readonly name = "PlayerError";
  readonly code: PlayerErrorCode;

  constructor(code: PlayerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }

  /** `cause` itself where it already says what went wrong, otherwise an error of which it is the cause. */
  static of(cause: unknown, code: PlayerErrorCode, message: string): PlayerError {
    return cause instanceof PlayerError ? cause : new PlayerError(code, message, cause);
  }

  /** Whether another attempt, or another edge, can help. */
  shouldRetry(): boolean {
    return this.code === "unreachable" || this.code === "protocol" || this.code === "decode";
  }
}
