/** Unsent media above this means that the path carries less than we encode. */
const CONGESTED_MS = 250;
const CLEAR_MS = 60;
/** After a cut, what was sent before has to drain before the next judgement. */
const CUT_PAUSE_MS = 1_000;
const RAISE_PAUSE_MS = 4_000;
const CUT = 0.7;
const RAISE = 1.15;
const MIN_SHARE = 0.12;

/** Encoder bitrate from what waits unsent: down fast, up slowly, between a floor and what was asked for. */
export class BitrateControl {
  #maxBps: number;
  #targetBps: number;
  #changedMs: number | undefined;

  constructor(maxBps: number) {
    this.#maxBps = maxBps;
    this.#targetBps = maxBps;
  }

  get targetBps(): number {
    return this.#targetBps;
  }

  /** What was asked for has changed; goes there at once, as at the beginning. */
  setMax(maxBps: number): void {
    if (maxBps === this.#maxBps) return;
    this.#maxBps = maxBps;
    this.#targetBps = maxBps;
    this.#changedMs = undefined;
  }

  /** Call it about twice a second; true if the target changed. */
  update(backlogBytes: number, nowMs: number): boolean {
    this.#changedMs ??= nowMs;
    const backlogMs = (backlogBytes * 8000) / this.#targetBps;
    const sinceMs = nowMs - this.#changedMs;
    if (backlogMs > CONGESTED_MS && sinceMs >= CUT_PAUSE_MS) {
      return this.#set(Math.max(this.#maxBps * MIN_SHARE, this.#targetBps * CUT), nowMs);
    }
    if (backlogMs > CLEAR_MS) {
      // Neither good nor bad: the time without trouble starts again.
      if (sinceMs >= CUT_PAUSE_MS) this.#changedMs = nowMs - CUT_PAUSE_MS;
      return false;
    }
    return sinceMs >= RAISE_PAUSE_MS && this.#set(Math.min(this.#maxBps, this.#targetBps * RAISE), nowMs);
  }

  #set(targetBps: number, nowMs: number): boolean {
    const changed = Math.round(targetBps) !== this.#targetBps;
    this.#targetBps = Math.round(targetBps);
    this.#changedMs = nowMs;
    return changed;
  }
}
