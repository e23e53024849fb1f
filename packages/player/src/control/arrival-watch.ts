/** How often it looks whether anything has come: one timer, whatever the number of frames. */
const TICK_MS = 100;

/** Pictures come 15 to 60 times a second, and sound oftener: nothing at all for this long is worth a question... */
const SILENT_TICKS = 3;

/** ...or for longer, where pictures come seldom; after this in any case. */
const MAX_SILENT_TICKS = 6;

/** The last frame came within this. */
const FRESH_TICKS = 2;

/** A pause that was usual once is forgotten, by a tick every so many of them. */
const FORGET_TICKS = 50;

/**
 * Tells when frames have stopped to arrive. What has arrived is still played for as long as the buffer lasts, which is
 * the time in which another edge can be found without a pause that the viewer sees. Counts its own ticks instead of
 * reading a clock: a page that stood still itself has missed ticks and frames alike.
 */
export class ArrivalWatch {
  readonly #onSilent: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #hasCome = false;
  #quietTicks = 0;
  /** The longest pause of late that was none. */
  #usualTicks = 0;
  #ticks = 0;

  constructor(deps: { readonly onSilent: () => void }) {
    this.#onSilent = deps.onSilent;
  }

  /** Frames come at the moment, and not only pictures out of what came before. */
  get isFresh(): boolean {
    return this.#hasCome || (this.#timer !== undefined && this.#quietTicks < FRESH_TICKS);
  }

  /** A frame has come: from the first one on it watches. */
  onFrame(): void {
    this.#hasCome = true;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Nothing is expected any more. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#quietTicks = 0;
    this.#hasCome = false;
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#ticks % FORGET_TICKS === 0 && this.#usualTicks > 0) this.#usualTicks -= 1;
    if (this.#hasCome) {
      this.#hasCome = false;
      this.#usualTicks = Math.max(this.#usualTicks, Math.min(this.#quietTicks, MAX_SILENT_TICKS));
      this.#quietTicks = 0;
      return;
    }
    this.#quietTicks += 1;
    const limit = Math.min(MAX_SILENT_TICKS, Math.max(SILENT_TICKS, 2 * this.#usualTicks));
    if (this.#quietTicks === limit) this.#onSilent();
  }
}
