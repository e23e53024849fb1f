import { MediaError } from "../media-error.ts";
import { readU16, writeU16 } from "./big-endian.ts";
import type { RtpHeader } from "./rtp-header.ts";

/** "Defined by profile" of header extensions with elements (RFC 8285 §4.2, §4.3). */
const ONE_BYTE_PROFILE = 0xbede;
const TWO_BYTE_PROFILE = 0x1000;
/** The lower four bits of the two-byte profile are "appbits". */
const TWO_BYTE_MASK = 0xfff0;

/** Ends the list in the one-byte form. */
const STOP_ID = 15;
/** Largest id and longest value of the one-byte form: `id(4) length - 1(4)`. */
const MAX_ONE_BYTE_ID = 14;
const MAX_ONE_BYTE_VALUE_BYTES = 16;

/** The elements that we know, by the URI that the session description maps to an id. */
export const EXTENSION_MID = "urn:ietf:params:rtp-hdrext:sdes:mid";
export const EXTENSION_RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
export const EXTENSION_REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
export const EXTENSION_TRANSPORT_SEQUENCE =
  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
export const EXTENSION_ABSOLUTE_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/**
 * Where the value of element `id` starts in a packet, or -1. Its length stands in `lengthOfExtension(packet, start)`.
 * An element that points past the extension ends the search: what follows cannot be told apart.
 */
export function findExtension(packet: Uint8Array, header: RtpHeader, id: number): number {
  const end = header.extensionEnd;
  let at = header.extensionStart;
  if (header.extensionProfile === ONE_BYTE_PROFILE) {
    while (at < end) {
      const byte = packet[at] as number;
      at += 1;
      // Padding between elements.
      if (byte === 0) continue;
      const elementId = byte >>> 4;
      const size = (byte & 0x0f) + 1;
      if (elementId === STOP_ID || at + size > end) return -1;
      if (elementId === id) return at;
      at += size;
    }
  } else if ((header.extensionProfile & TWO_BYTE_MASK) === TWO_BYTE_PROFILE) {
    while (at + 1 < end) {
      const elementId = packet[at] as number;
      if (elementId === 0) {
        at += 1;
        continue;
      }
      const size = packet[at + 1] as number;
      at += 2;
      if (at + size > end) return -1;
      if (elementId === id) return at;
      at += size;
    }
  }
  return -1;
}

/** Length of the value that `findExtension` found at `start`. */
export function lengthOfExtension(packet: Uint8Array, header: RtpHeader, start: number): number {
  const byte = packet[start - 1] as number;
  return header.extensionProfile === ONE_BYTE_PROFILE ? (byte & 0x0f) + 1 : byte;
}

/** The value as ASCII, as `mid` and `rid` are; undefined when the element is missing or is not a token of theirs. */
export function textExtension(packet: Uint8Array, header: RtpHeader, id: number): string | undefined {
  const start = findExtension(packet, header, id);
  if (start < 0) return undefined;
  const end = start + lengthOfExtension(packet, header, start);
  let text = "";
  for (let at = start; at < end; at += 1) {
    const byte = packet[at] as number;
    // The token characters of SDP (RFC 8866 §9); RTCP pads SDES items with zeros, which some senders copy.
    if (byte === 0) break;
    if (byte < 0x21 || byte > 0x7e) return undefined;
    text += String.fromCharCode(byte);
  }
  return text === "" ? undefined : text;
}

export interface ExtensionElement {
  readonly id: number;
  readonly value: Uint8Array;
}

/**
 * A whole one-byte-form extension (profile, length, elements, padding to a word) as it follows the fixed header. The
 * value of the first element starts at byte 5 of it, so that a hot path can rewrite it in place.
 * @throws MediaError "malformed" for an id or a value that the one-byte form cannot carry.
 */
export function encodeExtension(elements: readonly ExtensionElement[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const { id, value } of elements) {
    if (id < 1 || id > MAX_ONE_BYTE_ID || value.length < 1 || value.length > MAX_ONE_BYTE_VALUE_BYTES) {
      throw new MediaError("malformed", "no one-byte header extension", {
        field: "RTP.extension",
        actual: id,
      });
    }
    length += 1 + value.length;
  }
  const words = Math.ceil(length / 4);
  const bytes = new Uint8Array(4 + 4 * words);
  writeU16(bytes, 0, ONE_BYTE_PROFILE);
  writeU16(bytes, 2, words);
  let at = 4;
  for (const { id, value } of elements) {
    bytes[at] = (id << 4) | (value.length - 1);
    bytes.set(value, at + 1);
    at += 1 + value.length;
  }
  return bytes;
}

/** The transport-wide sequence number of a packet, or -1. */
export function transportSequence(packet: Uint8Array, header: RtpHeader, id: number): number {
  const start = findExtension(packet, header, id);
  if (start < 0 || lengthOfExtension(packet, header, start) < 2) return -1;
  return readU16(packet, start);
}
