import { ProtocolError } from "../protocol-error.ts";

/** UTF-8 by hand: this package compiles without DOM and Node types, and names on the wire are short. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) {
      bytes[length++] = point;
      continue;
    }
    if (point < 0x800) {
      bytes[length++] = 0xc0 | (point >>> 6);
    } else {
      // A lone surrogate has no UTF-8 form: U+FFFD takes its place.
      const scalar = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
      if (scalar < 0x10000) {
        bytes[length++] = 0xe0 | (scalar >>> 12);
      } else {
        bytes[length++] = 0xf0 | (scalar >>> 18);
        bytes[length++] = 0x80 | ((scalar >>> 12) & 0x3f);
      }
      bytes[length++] = 0x80 | ((scalar >>> 6) & 0x3f);
      bytes[length++] = 0x80 | (scalar & 0x3f);
      continue;
    }
    bytes[length++] = 0x80 | (point & 0x3f);
  }
  return bytes.subarray(0, length);
}

/** @throws ProtocolError `malformed` on anything that is not strict UTF-8 (RFC 3629). */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  let offset = 0;
  while (offset < bytes.length) {
    const first = bytes[offset] ?? 0;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      offset++;
      continue;
    }
    const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length === 0 || offset + length > bytes.length) {
      throw new ProtocolError("malformed", "a string is not UTF-8");
    }
    let point = first & (0xff >>> (length + 1));
    for (let index = 1; index < length; index++) {
      const next = bytes[offset + index] ?? 0;
      if ((next & 0xc0) !== 0x80) {
        throw new ProtocolError("malformed", "a string is not UTF-8");
      }
      point = (point << 6) | (next & 0x3f);
    }
    const overlong = (length === 3 && point < 0x800) || (length === 4 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw new ProtocolError("malformed", "a string is not UTF-8");
    }
    text += String.fromCodePoint(point);
    offset += length;
  }
  return text;
}
