import { forEachNal, NAL_AUD, NAL_PPS, NAL_SPS, nalUnitType } from "@canopy/media/h264";
import { BroadcastError } from "./broadcast-error.ts";

export interface ParameterSetLists {
  readonly sps: readonly [Uint8Array, ...Uint8Array[]];
  readonly pps: readonly Uint8Array[];
}

/** The parameter sets of a decoder configuration in Annex B. Throws `source_unsupported` if there are none. */
export function readParameterSets(annexB: Uint8Array): ParameterSetLists {
  let sps: [Uint8Array, ...Uint8Array[]] | undefined;
  const pps: Uint8Array[] = [];
  if (annexB.length > 0) {
    forEachNal(annexB, (nal) => {
      const type = nalUnitType(nal[0]);
      if (type === NAL_SPS) sps = sps ? [...sps, nal] : [nal];
      if (type === NAL_PPS) pps.push(nal);
    });
  }
  if (sps === undefined || pps.length === 0) {
    throw new BroadcastError("source_unsupported", "the video has no SPS and PPS");
  }
  return { sps, pps };
}

/** True if the access unit carries its own parameter sets. */
export function hasParameterSets(annexB: Uint8Array): boolean {
  let found = false;
  forEachNal(annexB, (nal) => {
    if (nalUnitType(nal[0]) === NAL_SPS) found = true;
  });
  return found;
}

/** True for units that FLV keeps in its sequence header instead of the frames. */
export function isOutOfBandUnit(nal: Uint8Array): boolean {
  const type = nalUnitType(nal[0]);
  return type === NAL_SPS || type === NAL_PPS || type === NAL_AUD;
}
