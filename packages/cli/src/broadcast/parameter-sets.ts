import { type AvcParameterSets, readAvcParameterSets } from "@canopy/media/h264";
import { BroadcastError } from "./broadcast-error.ts";

/** The parameter sets of a decoder configuration in Annex B. Throws `source_unsupported` if there are none. */
export function readParameterSets(annexB: Uint8Array): AvcParameterSets {
  const sets = annexB.length === 0 ? undefined : readAvcParameterSets(annexB);
  if (sets === undefined) throw new BroadcastError("source_unsupported", "the video has no SPS and PPS");
  return sets;
}
