/**
 * Emulation prevention (ISO/IEC 14496-10 §7.4.1.1, 23008-2 §7.4.2): inside a NAL unit, `00 00` is never followed by a
 * byte below 4; an encoder puts a 03 between, a decoder takes it out.
 */

/** Position of the 03 of the first `00 00 03` that starts at or after `from` and ends before `end`, or -1. */
function findEmulationByte(bytes: Uint8Array, from: number, end: number): number {
  let i = from + 2;
  while (i < end) {
    const byte = bytes[i] as number;
    if (byte > 3) i += 3;
    else if (byte !== 3) i += 1;
    else if (bytes[i - 1] === 0 && bytes[i - 2] === 0) return i;
    else i += 3;
  }
  return -1;
}

/** The raw bytes (RBSP). Returns the input itself when there is nothing to take out. */
export function removeEmulationPrevention(bytes: Uint8Array): Uint8Array {
  const first = findEmulationByte(bytes, 0, bytes.length);
  if (first < 0) return bytes;
  const raw = new Uint8Array(bytes.length - 1);
  let from = 0;
  let length = 0;
  let at = first;
  while (at >= 0) {
    raw.set(bytes.subarray(from, at), length);
    length += at - from;
    from = at + 1;
    at = findEmulationByte(bytes, from, bytes.length);
  }
  raw.set(bytes.subarray(from), length);
  return raw.subarray(0, length + bytes.length - from);
}

/** The escaped form. Returns the input itself when there is nothing to put in. */
export function insertEmulationPrevention(raw: Uint8Array): Uint8Array {
  let extra = 0;
  let zeros = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const byte = raw[i] as number;
    if (zeros === 2 && byte <= 3) {
      extra += 1;
      zeros = 0;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  // A unit that would end in a zero gets a final 03 (cabac_zero_words, §7.4.1).
  const endsInZero = raw.length > 0 && raw[raw.length - 1] === 0;
  if (extra === 0 && !endsInZero) return raw;
  const escaped = new Uint8Array(raw.length + extra + (endsInZero ? 1 : 0));
  let at = 0;
  zeros = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const byte = raw[i] as number;
    if (zeros === 2 && byte <= 3) {
      escaped[at] = 3;
      at += 1;
      zeros = 0;
    }
    escaped[at] = byte;
    at += 1;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  if (endsInZero) escaped[at] = 3;
  return escaped;
}
