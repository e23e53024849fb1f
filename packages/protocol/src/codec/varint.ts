import { ProtocolError } from "../protocol-error.ts";

/**
 * QUIC varints (RFC 9000 §16) in number arithmetic: the top two bits of byte 0 say 1, 2, 4 or 8 bytes, big endian.
 * Values go up to 2^53-1, which holds µs since 1970 in zigzag form until the year 2112. Larger ones on the wire are errors.
 */
export const MAX_VARINT = Number.MAX_SAFE_INTEGER;

const TWO_POW_32 = 2 ** 32;
/** The upper word of an 8-byte varint whose value is still a safe integer. */
const MAX_UPPER_WORD = 2 ** 21 - 1;

/** Bytes that `writeVarint` needs. */
export function varintLength(value: number): 1 | 2 | 4 | 8 {
  if (value < 0x40) {
    return 1;
  }
  if (value < 0x4000) {
    return 2;
  }
  return value < 0x4000_0000 ? 4 : 8;
}

/**
 * Writes the shortest form and returns the offset behind it.
 * @throws RangeError if `value` is no integer of 0 to 2^53-1.
 */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  if (value < 0x40) {
    if (value < 0 || !Number.isInteger(value)) {
      throw new RangeError(`${value} is not a varint`);
    }
    target[offset] = value;
    return offset + 1;
  }
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is not a varint`);
  }
  if (value < 0x4000) {
    target[offset] = 0x40 | (value >>> 8);
    target[offset + 1] = value;
    return offset + 2;
  }
  if (value < 0x4000_0000) {
    target[offset] = 0x80 | (value >>> 24);
    writeLow24(target, offset + 1, value);
    return offset + 4;
  }
  const upper = Math.floor(value / TWO_POW_32);
  const lower = value >>> 0;
  target[offset] = 0xc0 | (upper >>> 24);
  writeLow24(target, offset + 1, upper);
  target[offset + 4] = lower >>> 24;
  writeLow24(target, offset + 5, lower);
  return offset + 8;
}

function writeLow24(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 16;
  target[offset + 1] = value >>> 8;
  target[offset + 2] = value;
}

/** Length in bytes of the varint that starts with `firstByte`. */
export function varintLengthFromFirstByte(firstByte: number): number {
  return 1 << (firstByte >>> 6);
}

/**
 * The varint at `offset`, all of whose bytes must be there (`varintLengthFromFirstByte`). Longer forms than needed are taken.
 * @throws ProtocolError `too-large` above 2^53-1.
 */
export function readVarint(bytes: Uint8Array, offset: number): number {
  const first = byteAt(bytes, offset);
  switch (first >>> 6) {
    case 0:
      return first;
    case 1:
      return ((first & 0x3f) << 8) | byteAt(bytes, offset + 1);
    case 2:
      return ((first & 0x3f) << 24) | readLow24(bytes, offset + 1);
    default: {
      const upper = ((first & 0x3f) << 24) | readLow24(bytes, offset + 1);
      if (upper > MAX_UPPER_WORD) {
        throw new ProtocolError("too-large", "a varint is above 2^53-1");
      }
      const lower = ((byteAt(bytes, offset + 4) << 24) | readLow24(bytes, offset + 5)) >>> 0;
      return upper * TWO_POW_32 + lower;
    }
  }
}

function readLow24(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 16) | (byteAt(bytes, offset + 1) << 8) | byteAt(bytes, offset + 2);
}

/** Callers check the length first; strict indexing cannot know that. */
function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

/** The largest value that can be written in zigzag form. */
export const MAX_ZIGZAG = Math.floor(MAX_VARINT / 2);

/** Signed to unsigned: 0, -1, 1, -2 become 0, 1, 2, 3. */
export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : value * -2 - 1;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : (value + 1) / -2;
}
