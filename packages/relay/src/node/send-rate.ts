import { METRICS, type Metrics } from "@canopy/runtime";

/** One window of the rate; also how stale it may be. */
const WINDOW_MS = 1_000;
/** Weight of the newest window: the figure follows a change within some seconds, and a single burst hardly. */
const NEWEST_SHARE = 0.5;

/** Measures what the node sends, over all transports. */
export class SendRate implements Disposable {
  bytesPerSecond = 0;
  readonly #metrics: Metrics;
  readonly #timer: NodeJS.Timeout;
  #sentBytes: number;
  #lookedMs: number;

  constructor(deps: { readonly metrics: Metrics }) {
    this.#metrics = deps.metrics;
    this.#sentBytes = this.#total();
    this.#lookedMs = performance.now();
    this.#timer = setInterval(() => this.#look(), WINDOW_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #look(): void {
    const nowMs = performance.now();
    const sentBytes = this.#total();
    const rate = ((sentBytes - this.#sentBytes) * 1_000) / Math.max(1, nowMs - this.#lookedMs);
    this.bytesPerSecond = Math.round(
      this.bytesPerSecond * (1 - NEWEST_SHARE) + Math.max(0, rate) * NEWEST_SHARE,
    );
    this.#sentBytes = sentBytes;
    this.#lookedMs = nowMs;
  }

  #total(): number {
    const transports = METRICS.canopy_sent_bytes_total.label.values;
    return transports.reduce(
      (sum, transport) => sum + this.#metrics.value("canopy_sent_bytes_total", transport),
      0,
    );
  }
}
