/** Counters are noted at most this often. */
const STEP_US = 250_000;

/** Long enough to cover a group, short enough to show a change. */
const WINDOW_US = 3_000_000;

interface Sample {
  readonly atUs: number;
  readonly bytes: number;
}

/** Rate of a growing byte counter that is looked at now and then. */
export class BitrateMeter {
  readonly #samples: Sample[] = [];

  /** Bits per second over the window up to now; may be called for every frame. */
  update(nowUs: number, bytes: number): number {
    const last = this.#samples.at(-1);
    // A new session counts from zero.
    if (last !== undefined && bytes < last.bytes) this.#samples.length = 0;
    const isDue = last === undefined || this.#samples.length === 0 || nowUs - last.atUs >= STEP_US;
    if (isDue) this.#samples.push({ atUs: nowUs, bytes });
    while (this.#samples.length > 2 && nowUs - (this.#samples[0]?.atUs ?? nowUs) > WINDOW_US) {
      this.#samples.shift();
    }
    const first = this.#samples[0];
    if (first === undefined || nowUs <= first.atUs) return 0;
    return ((bytes - first.bytes) * 8e6) / (nowUs - first.atUs);
  }
}
