import { decodeTimedMessage, MAX_TIMED_MESSAGE_BYTES, type TimedMessage } from "@canopy/media/timed";

/** Class of the date ranges, and description of the ID3 frames, that carry timed messages. */
export const TIMED_CLASS = "com.canopy.timed";

/** Attribute of EXT-X-DATERANGE with the message as JSON in base64. */
export const TIMED_ATTRIBUTE = "X-CANOPY-DATA";

/** A tag with one message, and room for frames of others. */
const MAX_TAG_BYTES = 64 * 1024;

const HEADER_BYTES = 10;
const ENCODING_LATIN1 = 0;
const ENCODING_UTF8 = 3;

/** The JSON of a message; undefined if it is none, or broken: the next ones are as good as ever. */
export function readMessage(json: Uint8Array): TimedMessage | undefined {
  if (json.length === 0 || json.length > MAX_TIMED_MESSAGE_BYTES) return undefined;
  try {
    return decodeTimedMessage(json);
  } catch {
    return undefined;
  }
}

/** A message as it stands in `X-CANOPY-DATA`. */
export function readAttribute(base64: string): TimedMessage | undefined {
  // Four characters for three bytes.
  if (base64.length > (MAX_TIMED_MESSAGE_BYTES * 4) / 3 + 4) return undefined;
  let text: string;
  try {
    text = atob(base64);
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return readMessage(bytes);
}

/** The messages in an ID3v2 tag: its TXXX frames of our description (id3v2.4.0-structure §3.1, §4). */
export function readId3Messages(tag: Uint8Array): TimedMessage[] {
  const messages: TimedMessage[] = [];
  if (tag.length < HEADER_BYTES || tag.length > MAX_TAG_BYTES) return messages;
  // "ID3", then major version, revision, flags and the size without this header.
  if (tag[0] !== 0x49 || tag[1] !== 0x44 || tag[2] !== 0x33) return messages;
  const isVersion4 = tag[3] === 4;
  const end = Math.min(tag.length, HEADER_BYTES + synchsafe(tag, 6));
  let at = HEADER_BYTES;
  while (at + HEADER_BYTES <= end) {
    const size = isVersion4 ? synchsafe(tag, at + 4) : bigEndian(tag, at + 4);
    const bodyAt = at + HEADER_BYTES;
    // Padding, or a frame that is longer than its tag.
    if (tag[at] === 0 || size === 0 || bodyAt + size > end) break;
    if (tag[at] === 0x54 && tag[at + 1] === 0x58 && tag[at + 2] === 0x58 && tag[at + 3] === 0x58) {
      const message = readText(tag.subarray(bodyAt, bodyAt + size));
      if (message !== undefined) messages.push(message);
    }
    at = bodyAt + size;
  }
  return messages;
}

/** Encoding, description, a zero, the text and perhaps another zero (id3v2.4.0-frames §4.2.6). */
function readText(body: Uint8Array): TimedMessage | undefined {
  if (body[0] !== ENCODING_UTF8 && body[0] !== ENCODING_LATIN1) return undefined;
  const zero = body.indexOf(0, 1);
  if (zero !== 1 + TIMED_CLASS.length) return undefined;
  for (let index = 0; index < TIMED_CLASS.length; index += 1) {
    if (body[1 + index] !== TIMED_CLASS.charCodeAt(index)) return undefined;
  }
  const end = body[body.length - 1] === 0 ? body.length - 1 : body.length;
  return readMessage(body.subarray(zero + 1, end));
}

/** Seven bits per byte (id3v2.4.0-structure §6.2). */
function synchsafe(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; index < at + 4; index += 1) value = value * 128 + ((bytes[index] ?? 0) & 0x7f);
  return value;
}

function bigEndian(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; index < at + 4; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
