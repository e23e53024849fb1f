import {
  type AvcParameterSets,
  forEachNal,
  NAL_SPS,
  nalUnitType,
  readAvcParameterSets,
} from "@canopy/media/h264";
import { BroadcastError } from "./broadcast-error.ts";

/** The parameter sets of a decoder configuration in Annex B. Throws `source_unsupported` if there are none. */
export function readParameterSets(annexB: Uint8Array): AvcParameterSets {
  const sets = annexB.length === 0 ? undefined : readAvcParameterSets(annexB);
  if (sets === undefined) throw new BroadcastError("source_unsupported", "the video has no SPS and PPS");
  return sets;
}

/** True if the access unit carries its own parameter sets. */
export function hasParameterSets(annexB: Uint8Array): boolean {
  let found = false;
  forEachNal(annexB, (nal) => {
    if (nalUnitType(nal[0]) === NAL_SPS) found = true;
  });
  return found;
}
