import { MediaError } from "../media-error.ts";
import { joinAnnexB, splitAnnexB } from "./annex-b.ts";
import { DEFAULT_NAL_LIMITS, type NalLimits, nalTooLarge, tooManyNals } from "./limits.ts";

/** Bytes of the length in front of each NAL unit; 3 is not legal (ISO/IEC 14496-15 §5.3.3.1.2). */
export type NalLengthSize = 1 | 2 | 4;

function readLength(bytes: Uint8Array, at: number, size: NalLengthSize): number {
  if (at + size > bytes.length) {
    throw new MediaError("truncated", "NAL length field ends early", { field: "nal-length" });
  }
  let length = 0;
  for (let i = 0; i < size; i += 1) length = length * 256 + (bytes[at + i] as number);
  return length;
}

/**
 * The NAL units of a length-prefixed (AVCC, HVCC) access unit, as views. Empty units are passed over.
 * @throws MediaError "truncated" when a length points past the end, "too-large", "too-many".
 */
export function splitLengthPrefixed(
  bytes: Uint8Array,
  size: NalLengthSize,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): Uint8Array[] {
  const nals: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = readLength(bytes, at, size);
    at += size;
    if (length > limits.maxNalBytes) throw nalTooLarge(length, limits.maxNalBytes);
    if (length > bytes.length - at) {
      const actual = bytes.length - at;
      throw new MediaError("truncated", "NAL unit ends early", { field: "nal", limit: length, actual });
    }
    if (length > 0) {
      if (nals.length === limits.maxNals) throw tooManyNals(limits.maxNals);
      nals.push(bytes.subarray(at, at + length));
    }
    at += length;
  }
  return nals;
}

/** Length-prefixed to Annex B with four-byte start codes, in a new buffer. Errors as `splitLengthPrefixed`. */
export function lengthPrefixedToAnnexB(
  bytes: Uint8Array,
  size: NalLengthSize,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): Uint8Array<ArrayBuffer> {
  return joinAnnexB(splitLengthPrefixed(bytes, size, limits));
}

/** Annex B to length-prefixed, in a new buffer. @throws MediaError "too-large" when a unit's length does not fit. */
export function annexBToLengthPrefixed(
  annexB: Uint8Array,
  size: NalLengthSize = 4,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): Uint8Array<ArrayBuffer> {
  return writeLengthPrefixed(splitAnnexB(annexB, limits), size);
}

/** The units behind their lengths, in a new buffer. @throws MediaError "too-large" when a unit's length does not fit. */
export function writeLengthPrefixed(
  nals: readonly Uint8Array[],
  size: NalLengthSize = 4,
): Uint8Array<ArrayBuffer> {
  const limit = 2 ** (8 * size) - 1;
  let total = 0;
  for (const nal of nals) {
    if (nal.length > limit) throw nalTooLarge(nal.length, limit);
    total += size + nal.length;
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const nal of nals) {
    for (let i = 0; i < size; i += 1) bytes[at + i] = Math.floor(nal.length / 2 ** (8 * (size - 1 - i)));
    bytes.set(nal, at + size);
    at += size + nal.length;
  }
  return bytes;
}
