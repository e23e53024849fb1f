/** Crystals of a capture device and of the computer differ by up to this; the anchor may follow that fast. */
const MAX_DRIFT_RATIO = 200e-6;
/** A jump of the capture clock by more than this is a new clock (device changed), not delay. */
const RESET_US = 2_000_000;

/**
 * Puts capture timestamps, which count from anywhere, on the wall clock. A frame can arrive late but never early,
 * so the smallest difference between arrival and timestamp is the nearest to the truth; it is let rise slowly, so
 * that a capture clock that runs slow is followed.
 */
export class CaptureClock {
  #offsetUs: number | undefined;
  #lastNowUs = 0;

  /** A frame with this timestamp arrived now (both µs). */
  observe(timestampUs: number, nowUs: number): void {
    const offsetUs = nowUs - timestampUs;
    if (this.#offsetUs === undefined || Math.abs(offsetUs - this.#offsetUs) > RESET_US) {
      this.#offsetUs = offsetUs;
    } else {
      const riseUs = Math.max(0, nowUs - this.#lastNowUs) * MAX_DRIFT_RATIO;
      this.#offsetUs = Math.min(offsetUs, this.#offsetUs + riseUs);
    }
    this.#lastNowUs = nowUs;
  }

  /** Wall-clock capture time of a timestamp that was observed, whole µs since the Unix epoch. */
  toWallUs(timestampUs: number): number {
    return Math.round(timestampUs + (this.#offsetUs ?? 0));
  }
}
