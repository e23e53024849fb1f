/** NAL unit types of H.264, table 7-1. */
const NAL_SPS = 7;
const NAL_PPS = 8;
const NAL_AUD = 9;

/** The NAL units (views, without start codes) of an Annex B byte stream (H.264, annex B.1). */
export function annexBUnits(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let start = -1;
  let at = bytes.indexOf(1);
  while (at >= 0) {
    if (at >= 2 && bytes[at - 1] === 0 && bytes[at - 2] === 0) {
      if (start >= 0) units.push(withoutTrailingZeros(bytes, start, at - 2));
      start = at + 1;
    }
    at = bytes.indexOf(1, at + 1);
  }
  if (start >= 0) units.push(withoutTrailingZeros(bytes, start, bytes.length));
  return units;
}

function withoutTrailingZeros(bytes: Uint8Array, start: number, end: number): Uint8Array {
  while (end > start && bytes[end - 1] === 0) end--;
  return bytes.subarray(start, end);
}

/** The first SPS and PPS of an Annex B byte stream. */
export function parameterSets(
  bytes: Uint8Array,
): { readonly sps: Uint8Array; readonly pps: Uint8Array } | undefined {
  let sps: Uint8Array | undefined;
  let pps: Uint8Array | undefined;
  for (const unit of annexBUnits(bytes)) {
    const type = (unit[0] ?? 0) & 0x1f;
    if (type === NAL_SPS) sps ??= unit;
    if (type === NAL_PPS) pps ??= unit;
  }
  return sps && pps && sps.length >= 4 ? { sps, pps } : undefined;
}

/** True for units that FLV keeps in its sequence header instead of the frames. */
export function isOutOfBandUnit(unit: Uint8Array): boolean {
  const type = (unit[0] ?? 0) & 0x1f;
  return type === NAL_SPS || type === NAL_PPS || type === NAL_AUD;
}
