import type { BridgeKind } from "./transcode-format.ts";

/** Numbers of the audio bridge, read by the metrics when they are scraped. */
export class BridgeCounters {
  /** Transcodings that are on now. */
  readonly active: Record<BridgeKind, number> = { "aac-opus": 0, "opus-aac": 0 };
  /** Frames that came out. */
  readonly frames: Record<BridgeKind, number> = { "aac-opus": 0, "opus-aac": 0 };
  /** Frames that went in and came to nothing. */
  readonly dropped = { queue: 0, restart: 0, undecodable: 0, oversize: 0 };
  /** How often the thread was started again. */
  restarts = 0;
  /** How often it turned out that nothing can be transcoded here. */
  unavailable = 0;
}
