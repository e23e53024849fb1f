/** A frame that comes this much of an interval too early still counts as the next one: cameras jitter. */
const TOLERANCE = 0.4;

/** Thins frames to a rate: says for each timestamp whether its frame is wanted. */
export class FramePacer {
  readonly #intervalUs: number;
  #nextUs: number | undefined;

  constructor(framerate: number) {
    this.#intervalUs = 1e6 / framerate;
  }

  accept(timestampUs: number): boolean {
    const nextUs = this.#nextUs;
    if (nextUs === undefined || Math.abs(timestampUs - nextUs) > 10 * this.#intervalUs) {
      this.#nextUs = timestampUs + this.#intervalUs;
      return true;
    }
    if (timestampUs < nextUs - this.#intervalUs * TOLERANCE) return false;
    // Counting from the plan keeps the mean rate; a pause moves the plan instead of causing a burst.
    this.#nextUs = Math.max(nextUs + this.#intervalUs, timestampUs + this.#intervalUs / 2);
    return true;
  }
}
