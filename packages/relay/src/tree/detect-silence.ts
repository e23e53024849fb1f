export interface SilenceOptions {
  /** A parent that sends no packet for this long, although it is pinged, is given up. */
  readonly silentMs: number;
  /** The owner promises to look this often. */
  readonly intervalMs: number;
}

/** How much later than promised a look may be and still count whole. */
const ON_TIME_FACTOR = 1.5;

/**
 * Tells a silent peer from a busy self. Silence is added up look by look, and a look that comes late counts as one
 * interval only: while this process did not run, packets may well have waited in the socket, and the timer that
 * leads here runs before they are read. Pure: time is an argument.
 */
export class SilenceDetector {
  private readonly options: SilenceOptions;
  private lastLookMs: number;
  private silenceMs = 0;

  constructor(options: SilenceOptions, nowMs: number) {
    this.options = options;
    this.lastLookMs = nowMs;
  }

  /** `silentMs`: how long ago the last packet was read. True: give the peer up. */
  look(nowMs: number, silentMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.lastLookMs);
    this.lastLookMs = nowMs;
    const { intervalMs } = this.options;
    if (silentMs < elapsedMs) this.silenceMs = Math.min(silentMs, intervalMs);
    else this.silenceMs += elapsedMs > intervalMs * ON_TIME_FACTOR ? intervalMs : elapsedMs;
    return this.silenceMs >= this.options.silentMs;
  }
}
