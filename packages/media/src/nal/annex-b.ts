import { MediaError } from "../media-error.ts";
import { DEFAULT_NAL_LIMITS, type NalLimits, nalTooLarge, tooManyNals } from "./limits.ts";

/**
 * The first `00 00 01` at or after `from`, or -1. A four-byte start code is found at its second byte.
 * Looks at every third byte only: a byte above 1 cannot be any part of a start code's last position.
 */
export function findStartCode(bytes: Uint8Array, from: number): number {
  const length = bytes.length;
  let i = from + 2;
  while (i < length) {
    const byte = bytes[i] as number;
    if (byte > 1) i += 3;
    else if (byte === 0) i += 1;
    else if (bytes[i - 1] === 0 && bytes[i - 2] === 0) return i - 2;
    else i += 3;
  }
  return -1;
}

/**
 * The position after the start code of the first NAL unit; -1 for no bytes at all.
 * Only zeros may stand in front (leading_zero_8bits, ISO/IEC 14496-10 B.1).
 */
export function firstNalStart(bytes: Uint8Array): number {
  if (bytes.length === 0) return -1;
  const code = findStartCode(bytes, 0);
  if (code < 0) throw new MediaError("malformed", "no Annex B start code", { field: "annex-b" });
  for (let i = 0; i < code; i += 1) {
    if (bytes[i] !== 0)
      throw new MediaError("malformed", "bytes before the first start code", { field: "annex-b" });
  }
  return code + 3;
}

/** The end of a NAL unit that is followed by the start code `code` (-1: none), without trailing zeros. */
export function nalEnd(bytes: Uint8Array, start: number, code: number): number {
  let end = code < 0 ? bytes.length : code;
  // A NAL unit never ends in a zero byte (§7.4.1), so these are trailing_zero_8bits or a longer start code.
  while (end > start && bytes[end - 1] === 0) end -= 1;
  return end;
}

/**
 * Calls `visit` for every NAL unit of an Annex B stream with a view of it (header byte first, no start code)
 * and its position. Empty units are passed over. For hot paths use the functions above: this makes one view per unit.
 */
export function forEachNal(
  annexB: Uint8Array,
  visit: (nal: Uint8Array, start: number) => void,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): void {
  let start = firstNalStart(annexB);
  let count = 0;
  while (start >= 0) {
    const code = findStartCode(annexB, start);
    const end = nalEnd(annexB, start, code);
    if (end - start > limits.maxNalBytes) throw nalTooLarge(end - start, limits.maxNalBytes);
    if (end > start) {
      count += 1;
      if (count > limits.maxNals) throw tooManyNals(limits.maxNals);
      visit(annexB.subarray(start, end), start);
    }
    start = code < 0 ? -1 : code + 3;
  }
}

/** All NAL units as views. */
export function splitAnnexB(annexB: Uint8Array, limits: NalLimits = DEFAULT_NAL_LIMITS): Uint8Array[] {
  const nals: Uint8Array[] = [];
  forEachNal(annexB, (nal) => nals.push(nal), limits);
  return nals;
}

/** Annex B with four-byte start codes, in a new buffer. */
export function joinAnnexB(nals: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const nal of nals) length += 4 + nal.length;
  const annexB = new Uint8Array(length);
  let at = 0;
  for (const nal of nals) at = writeNal(annexB, at, nal);
  return annexB;
}

/** Writes a four-byte start code and the unit at `at` of a zeroed buffer; returns the position after it. */
export function writeNal(target: Uint8Array, at: number, nal: Uint8Array): number {
  target[at + 3] = 1;
  target.set(nal, at + 4);
  return at + 4 + nal.length;
}
