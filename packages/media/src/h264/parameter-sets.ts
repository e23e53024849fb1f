import { forEachNal } from "../nal/annex-b.ts";
import { writeLengthPrefixed } from "../nal/length-prefixed.ts";
import { NAL_AUD, NAL_PPS, NAL_SPS, nalUnitType } from "./nal-unit-type.ts";

export interface AvcParameterSets {
  readonly sps: readonly [Uint8Array, ...Uint8Array[]];
  readonly pps: readonly [Uint8Array, ...Uint8Array[]];
}

/** The parameter sets in an Annex B access unit or decoder configuration, as views; there may be none of a kind. */
export function findParameterSets(annexB: Uint8Array): { sps: Uint8Array[]; pps: Uint8Array[] } {
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  forEachNal(annexB, (nal) => {
    const type = nalUnitType(nal[0]);
    if (type === NAL_SPS) sps.push(nal);
    else if (type === NAL_PPS) pps.push(nal);
  });
  return { sps, pps };
}

/** As `findParameterSets`; undefined if one kind is missing. */
export function readAvcParameterSets(annexB: Uint8Array): AvcParameterSets | undefined {
  const { sps, pps } = findParameterSets(annexB);
  const [firstSps, ...otherSps] = sps;
  const [firstPps, ...otherPps] = pps;
  if (firstSps === undefined || firstPps === undefined) return undefined;
  return { sps: [firstSps, ...otherSps], pps: [firstPps, ...otherPps] };
}

/**
 * An access unit as containers with a decoder configuration hold it (FLV, MP4): four-byte lengths, without delimiters
 * and parameter sets, which stand in the configuration. SEI stays. A new buffer.
 */
export function annexBToAvcSample(annexB: Uint8Array): Uint8Array<ArrayBuffer> {
  const units: Uint8Array[] = [];
  forEachNal(annexB, (nal) => {
    const type = nalUnitType(nal[0]);
    if (type !== NAL_SPS && type !== NAL_PPS && type !== NAL_AUD) units.push(nal);
  });
  return writeLengthPrefixed(units);
}
