import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";

/**
 * - `malformed`: bytes that no message has (too short, left over, bad UTF-8, bad flag)
 * - `too-large`: over a limit of counts or sizes; `frame-too-large`: the same for one frame
 * - `too-many-parameters`: SETUP
 * - `violation`: well-formed but not allowed here or now; ends the session
 * - `version`: no common version
 */
export type ProtocolErrorCode =
  | "malformed"
  | "too-large"
  | "frame-too-large"
  | "too-many-parameters"
  | "violation"
  | "version";

const WIRE_CODES: Readonly<Record<ProtocolErrorCode, ErrorCode>> = {
  malformed: ERROR_CODES.decode,
  "too-large": ERROR_CODES.boundsExceeded,
  "frame-too-large": ERROR_CODES.frameTooLarge,
  "too-many-parameters": ERROR_CODES.tooManyParameters,
  violation: ERROR_CODES.protocolViolation,
  version: ERROR_CODES.version,
};

/** What a decoder of this package throws on bytes it does not take. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;
  /** The number for RESET_STREAM, STOP_SENDING or the session close. */
  readonly wireCode: ErrorCode;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
    this.wireCode = WIRE_CODES[code];
  }

  /** True: the whole session is at fault, not one stream. */
  get endsSession(): boolean {
    return this.code === "violation" || this.code === "version" || this.code === "too-many-parameters";
  }
}
