import type { TrackCodec } from "../dialect.ts";
import type { TrackInfo } from "../session-interface.ts";

/** How long publishers keep groups when they do not say it (moq-lite, expiry). */
const DEFAULT_MAX_LATENCY_MS = 5_000;

/** Frames of versions without timestamps are stamped in microseconds. */
const STAMPED_TIMESCALE = 1_000_000;

/** What a track of a version without TRACK_INFO is taken to be. */
export function trackInfoWithoutTimescale(priority: number, ordered: boolean): TrackInfo {
  return { priority, ordered, maxLatencyMs: DEFAULT_MAX_LATENCY_MS, timescale: STAMPED_TIMESCALE };
}

/** There are no TRACK streams before lite-05 (moq-lite, stream types). */
export const trackCodec: TrackCodec | undefined = undefined;
