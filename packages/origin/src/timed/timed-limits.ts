/** Bounds of the timed messages of one broadcast. */
export interface TimedLimits {
  readonly maxMessagesPerSecond: number;
  readonly maxBytesPerSecond: number;
  /** Accepted messages whose frame has not come yet. With 1 KB each and their SEI: 2 MB at most. */
  readonly maxPending: number;
  /** More of them wait for the next access unit, so that one frame never swells by more than this many KB. */
  readonly maxPerAccessUnit: number;
  /** How far ahead a message may be scheduled. */
  readonly maxAheadUs: number;
}

export const DEFAULT_TIMED_LIMITS: TimedLimits = {
  maxMessagesPerSecond: 30,
  maxBytesPerSecond: 8 * 1024,
  maxPending: 1_000,
  maxPerAccessUnit: 16,
  maxAheadUs: 3_600_000_000,
};

/** Consecutive access units that carry a message if the request says nothing else. */
export const DEFAULT_REPEAT = 3;
export const MAX_REPEAT = 10;
