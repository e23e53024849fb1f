import { type AudioBridgeOptions, DEFAULT_AUDIO_BRIDGE } from "../audio/bridge-options.ts";
import { DEFAULT_TIMED_LIMITS, type TimedLimits } from "../timed/timed-limits.ts";
import { DEFAULT_MEDIA_CLOCK_OPTIONS, type MediaClockOptions } from "./media-clock.ts";

/** What happens when somebody publishes a path that is being published. */
export type PublisherConflict = "refuse" | "takeover";

export interface IngestOptions {
  readonly publisherConflict: PublisherConflict;
  /** How long a broadcast waits for a publisher that went away, ms; viewers stay meanwhile. */
  readonly lingerMs: number;
  /** Broadcasts published here at the same time. */
  readonly maxBroadcasts: number;
  /** Span of one group of audio, ms. */
  readonly audioGroupMs: number;
  readonly audioBridge: AudioBridgeOptions;
  readonly clock: MediaClockOptions;
  readonly timed: TimedLimits;
}

export const DEFAULT_INGEST_OPTIONS: IngestOptions = {
  publisherConflict: "refuse",
  lingerMs: 10_000,
  maxBroadcasts: 500,
  audioGroupMs: 500,
  audioBridge: DEFAULT_AUDIO_BRIDGE,
  clock: DEFAULT_MEDIA_CLOCK_OPTIONS,
  timed: DEFAULT_TIMED_LIMITS,
};
