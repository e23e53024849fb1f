/** The most between two repaints of a page that does not stand still: one at 60 Hz. */
const REPAINT_MS = 20;
const KEPT_MS = 1_000;
/** What was held up by a standstill happens so soon after it. */
const AFTERMATH_MS = 100;

/** How long the page stood still: it paints nothing meanwhile, and a publisher inside of it sends nothing. */
export class RepaintPauses {
  readonly #pauses: { readonly endMs: number; readonly pauseMs: number }[] = [];
  #lastMs = performance.now();

  /** Looks at every repaint for as long as `isOn`. */
  constructor(isOn: () => boolean) {
    const look = (): void => {
      if (!isOn()) return;
      this.#note();
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }

  /** The longest standstill that ended after `sinceMs`, or ends now, µs: 0 if the page was repainted all the time. */
  longestUs(sinceMs: number): number {
    this.#note();
    const pauses = this.#pauses.filter(({ endMs }) => endMs > sinceMs).map(({ pauseMs }) => pauseMs);
    return Math.max(0, ...pauses.map((pauseMs) => pauseMs - REPAINT_MS)) * 1000;
  }

  /** The longest standstill that can have held up what happens now, µs. */
  lateUs(): number {
    return this.longestUs(performance.now() - AFTERMATH_MS);
  }

  #note(): void {
    const endMs = performance.now();
    this.#pauses.push({ endMs, pauseMs: endMs - this.#lastMs });
    this.#lastMs = endMs;
    while (endMs - (this.#pauses[0]?.endMs ?? endMs) > KEPT_MS) this.#pauses.shift();
  }
}
