import { MediaError } from "../media-error.ts";

/**
 * QUIC variable-length integers (RFC 9000 §16) up to 2^53 - 1, as 32-bit halves instead of BigInt:
 * the two top bits of the first byte give the length 1, 2, 4 or 8; big endian.
 */
export function varintBytes(value: number): 1 | 2 | 4 | 8 {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x4000_0000 ? 4 : 8;
}

/** Writes the shortest form and returns the position after it. `value` is an integer from 0 to 2^53 - 1. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MediaError("malformed", "not an unsigned 53-bit integer", { field: "varint", actual: value });
  }
  const size = varintBytes(value);
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  if (size === 8) {
    target[at] = 0xc0 | (high >>> 24);
    target[at + 1] = high >>> 16;
    target[at + 2] = high >>> 8;
    target[at + 3] = high;
  } else if (size === 1) {
    target[at] = low;
    return at + 1;
  } else if (size === 2) {
    target[at] = 0x40 | (low >>> 8);
    target[at + 1] = low;
    return at + 2;
  }
  const from = at + size - 4;
  target[from] = size === 4 ? 0x80 | (low >>> 24) : low >>> 24;
  target[from + 1] = low >>> 16;
  target[from + 2] = low >>> 8;
  target[from + 3] = low;
  return at + size;
}

/** Bytes of the varint that starts at `at`. @throws MediaError "truncated". */
export function varintLength(bytes: Uint8Array, at: number): 1 | 2 | 4 | 8 {
  const first = bytes[at];
  if (first === undefined) throw new MediaError("truncated", "varint ends early", { field: "varint" });
  const size = (1 << (first >>> 6)) as 1 | 2 | 4 | 8;
  if (at + size > bytes.length) throw new MediaError("truncated", "varint ends early", { field: "varint" });
  return size;
}

/** @throws MediaError "truncated", or "malformed" above 2^53 - 1. */
export function readVarint(bytes: Uint8Array, at: number): number {
  const size = varintLength(bytes, at);
  let value = (bytes[at] as number) & 0x3f;
  for (let i = 1; i < size; i += 1) value = value * 256 + (bytes[at + i] as number);
  if (value > Number.MAX_SAFE_INTEGER) {
    throw new MediaError("malformed", "varint above 2^53 - 1", { field: "varint", actual: value });
  }
  return value;
}
