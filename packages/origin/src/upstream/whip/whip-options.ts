/** How the origin treats what WHIP publishers send. */
export interface WhipOptions {
  /** A group older than this makes the origin ask for a keyframe, ms: viewers join where groups begin. */
  readonly keyframeIntervalMs: number;
  /** The most that a publisher is told it may send for video, kbit/s. */
  readonly maxVideoKbps: number;
  /** How long video waits for a packet that is missing, ms; after it a keyframe is asked for. */
  readonly videoWaitMs: number;
  /** How long sound waits, ms: it can do without a packet. */
  readonly audioWaitMs: number;
  /** Peers that are connected or on their way to it. */
  readonly maxPublishers: number;
}

/** 500 publishers whose reorder buffers (2 MiB) are all full are 1 GB; in practice they are empty. */
const MAX_PUBLISHERS = 500;

export const DEFAULT_WHIP_OPTIONS: WhipOptions = {
  keyframeIntervalMs: 2_000,
  maxVideoKbps: 8_000,
  videoWaitMs: 300,
  audioWaitMs: 80,
  maxPublishers: MAX_PUBLISHERS,
};
