export interface FlushControllerOptions {
  /** Interval while the loop has room; 0 = flush at the end of every tick. */
  readonly minIntervalMs: number;
  /** The most latency that coalescing may add. At most 60. */
  readonly maxIntervalMs: number;
  /** Event-loop utilization (0 to 1) up to which the interval shrinks. */
  readonly relaxedUtilization: number;
  /** Utilization from which the interval grows. */
  readonly busyUtilization: number;
}

export const DEFAULT_FLUSH_CONTROL: FlushControllerOptions = {
  minIntervalMs: 0,
  maxIntervalMs: 60,
  relaxedUtilization: 0.6,
  busyUtilization: 0.8,
};

/** First step up from 0; under it a flush per tick is as good. */
const FIRST_STEP_MS = 5;
const GROWTH = 1.5;
const SHRINK = 0.8;

/**
 * Adaptive coalescing: under load the flushes of all connections move further apart, so that each carries more
 * and the number of packets falls, which trades a little latency for CPU. It grows fast and shrinks slowly,
 * because being late is mild and falling behind is not. Pure: utilization in, interval out.
 */
export class FlushController {
  readonly #options: FlushControllerOptions;
  #intervalMs: number;

  constructor(options: FlushControllerOptions) {
    this.#options = options;
    this.#intervalMs = options.minIntervalMs;
  }

  /** What is in force now, in milliseconds. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Feed it once per sampling period with the event-loop utilization of that period. */
  update(utilization: number): number {
    const { minIntervalMs, maxIntervalMs, relaxedUtilization, busyUtilization } = this.#options;
    if (utilization >= busyUtilization) {
      this.#intervalMs = Math.min(maxIntervalMs, Math.max(FIRST_STEP_MS, this.#intervalMs * GROWTH));
    } else if (utilization < relaxedUtilization) {
      const shrunk = this.#intervalMs * SHRINK;
      this.#intervalMs = shrunk < FIRST_STEP_MS ? minIntervalMs : Math.max(minIntervalMs, shrunk);
    }
    return this.#intervalMs;
  }
}
