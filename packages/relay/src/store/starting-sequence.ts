import type { Track } from "./track.ts";

/**
 * Where a subscriber without a start group begins: at the newest group's first frame. Fixed when it joins, so that
 * groups which appear before its first flush are not skipped.
 */
export function startingSequence(track: Track): number {
  const { latest } = track;
  if (latest === undefined) return 0;
  return latest.abortCode === undefined ? latest.sequence : latest.sequence + 1;
}
