/** Every way in which media input can be refused. */
export type MediaErrorCode =
  /** The input ends before what it announces. */
  | "truncated"
  /** A field breaks its format. */
  | "malformed"
  /** A size is over its limit. */
  | "too-large"
  /** A count is over its limit. */
  | "too-many"
  /** Nesting is over its limit. */
  | "too-deep"
  /** Legal, but not handled here (another codec, a reserved form). */
  | "unsupported"
  /** An IDR without a sequence parameter set, neither inside the access unit nor given. */
  | "missing-sps"
  /** An IDR without a picture parameter set. */
  | "missing-pps"
  /** An access unit without any slice: parameter sets or SEI alone must not be sent as a frame. */
  | "missing-slice";

export interface MediaErrorDetails {
  /** The field or structure, e.g. `SPS.max_num_ref_frames`. */
  readonly field?: string;
  /** The limit that was passed. */
  readonly limit?: number;
  /** What was found instead. */
  readonly actual?: number;
  readonly cause?: unknown;
}

/** The only error that this package throws on input from outside. */
export class MediaError extends Error {
  override readonly name = "MediaError";
  readonly code: MediaErrorCode;
  readonly field: string | undefined;
  readonly limit: number | undefined;
  readonly actual: number | undefined;

  constructor(code: MediaErrorCode, message: string, details: MediaErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = details.field;
    this.limit = details.limit;
    this.actual = details.actual;
  }
}
