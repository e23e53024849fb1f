/** QUIC variable-length integers (RFC 9000 §16): 2 bits of length, then 6, 14, 30 or 62 bits, big endian. */

/** Bytes of the integer that starts with `first`: 1, 2, 4 or 8. */
export function varintLength(first: number): number {
  return 1 << (first >>> 6);
}

/**
 * The integer at `offset`; the caller has checked that `varintLength` bytes are there. Values above 2^53 lose
 * their low bits, which only reserved identifiers ever have.
 */
export function readVarint(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset] ?? 0;
  let value = first & 0x3f;
  const end = offset + varintLength(first);
  for (let index = offset + 1; index < end; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

/** Shortest form of `value`, which must be below 2^53. */
export function encodeVarint(value: number): Uint8Array {
  const length = value < 64 ? 1 : value < 16_384 ? 2 : value < 1_073_741_824 ? 4 : 8;
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0] = (bytes[0] ?? 0) | (Math.log2(length) << 6);
  return bytes;
}

/** Several integers, one after the other. */
export function encodeVarints(...values: readonly number[]): Uint8Array {
  return Buffer.concat(values.map(encodeVarint));
}
