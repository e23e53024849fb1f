import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.ts";
import { MediaError } from "../media-error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** An event that is bound to a media time. */
export interface TimedMessage {
  readonly v: 1;
  /** Unique in the broadcast; copies with the same id are one message. */
  readonly id: string;
  readonly type: string;
  /** Media time, µs since the Unix epoch. */
  readonly at: number;
  readonly data: Json;
}

/** The encoded message, UTF-8. Fits one SEI beside the picture without a noticeable rise of the bitrate. */
export const MAX_TIMED_MESSAGE_BYTES = 1024;

/** `id` and `type`, UTF-16 units: an ULID has 26. */
export const MAX_TIMED_NAME_LENGTH = 64;

function malformed(field: string, cause?: unknown): MediaError {
  return new MediaError("malformed", `timed message: bad ${field}`, { field: `timed.${field}`, cause });
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TIMED_NAME_LENGTH;
}

/** Checks the shape and drops unknown keys. @throws MediaError "malformed", "unsupported" (another version). */
export function validateTimedMessage(value: unknown): TimedMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("object");
  const { v, id, type, at, data } = value as Record<string, unknown>;
  if (v !== 1) {
    if (typeof v !== "number") throw malformed("v");
    throw new MediaError("unsupported", "timed message of another version", { field: "timed.v", actual: v });
  }
  if (!isName(id)) throw malformed("id");
  if (!isName(type)) throw malformed("type");
  if (typeof at !== "number" || !Number.isSafeInteger(at) || at < 0) throw malformed("at");
  if (data === undefined) throw malformed("data");
  return { v, id, type, at, data: data as Json };
}

/** JSON in UTF-8. @throws MediaError "malformed", "too-large" above `MAX_TIMED_MESSAGE_BYTES`. */
export function encodeTimedMessage(message: TimedMessage): Uint8Array<ArrayBuffer> {
  const checked = validateTimedMessage(message);
  let text: string;
  try {
    text = JSON.stringify(checked);
  } catch (cause) {
    throw malformed("data", cause);
  }
  // A function or symbol as data is left out by JSON.stringify, which no reader would accept.
  if (JSON.stringify(checked.data) === undefined) throw malformed("data");
  const bytes = encodeUtf8(text);
  if (bytes.length > MAX_TIMED_MESSAGE_BYTES) throw tooLarge(bytes.length);
  return bytes;
}

function tooLarge(actual: number): MediaError {
  const limit = MAX_TIMED_MESSAGE_BYTES;
  return new MediaError("too-large", `timed message over ${limit} bytes`, { field: "timed", limit, actual });
}

/** @throws MediaError "malformed", "unsupported", "too-large". */
export function decodeTimedMessage(bytes: Uint8Array): TimedMessage {
  if (bytes.length > MAX_TIMED_MESSAGE_BYTES) throw tooLarge(bytes.length);
  const text = decodeUtf8(bytes, "timed");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed("json", cause);
  }
  return validateTimedMessage(value);
}
