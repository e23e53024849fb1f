import {
  type EventLoopUtilization,
  type IntervalHistogram,
  monitorEventLoopDelay,
  performance,
} from "node:perf_hooks";

/** One window of both figures; also how stale they may be. */
const WINDOW_MS = 1_000;
/** Resolution of the lag measurement: its timer fires this often. */
const LAG_RESOLUTION_MS = 20;

/** How busy this process is; read by metrics and by the adaptive flush interval. */
export class EventLoopMonitor implements Disposable {
  #utilization = 0;
  #maxLagMs = 0;
  #last: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;

  constructor(windowMs: number = WINDOW_MS) {
    this.#delay.enable();
    this.#timer = setInterval(() => this.#sample(), windowMs);
    this.#timer.unref();
  }

  /** Busy share of the last window, 0 to 1. */
  get utilization(): number {
    return this.#utilization;
  }

  /** Longest time in the last window that a due timer had to wait, milliseconds. */
  get maxLagMs(): number {
    return this.#maxLagMs;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sample(): void {
    const now = performance.eventLoopUtilization();
    this.#utilization = performance.eventLoopUtilization(now, this.#last).utilization;
    this.#last = now;
    // The histogram counts the whole gap between two firings in nanoseconds.
    this.#maxLagMs = Math.max(0, this.#delay.max / 1e6 - LAG_RESOLUTION_MS);
    this.#delay.reset();
  }
}
