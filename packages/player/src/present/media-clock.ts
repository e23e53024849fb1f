/**
 * Which media time is presented at which local time: a line with a slope (the playback rate). Video picks frames
 * by it and the audio output follows it sample by sample, so that both stay together.
 */
export class MediaClock {
  #anchorNowUs = 0;
  #anchorMediaUs = 0;
  #rate = 1;
  #isRunning = false;

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get rate(): number {
    return this.#isRunning ? this.#rate : 0;
  }

  /** Media time at local time `nowUs`; -Infinity before the first `set`. */
  mediaUs(nowUs: number): number {
    if (!this.#isRunning) return Number.NEGATIVE_INFINITY;
    return this.#anchorMediaUs + (nowUs - this.#anchorNowUs) * this.#rate;
  }

  /** Starts, or jumps to, `mediaUs`. */
  set(mediaUs: number, nowUs: number): void {
    this.#anchorMediaUs = mediaUs;
    this.#anchorNowUs = nowUs;
    this.#isRunning = true;
  }

  /** Changes the slope without a step. True if it differs from before. */
  setRate(rate: number, nowUs: number): boolean {
    if (rate === this.#rate) return false;
    if (this.#isRunning) this.set(this.mediaUs(nowUs), nowUs);
    this.#rate = rate;
    return true;
  }

  stop(): void {
    this.#isRunning = false;
    this.#rate = 1;
  }
}
