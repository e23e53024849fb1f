/** Loss above this says that the way is full, below the other one that there may be more room (as in GCC). */
const HIGH_LOSS = 0.1;
const LOW_LOSS = 0.02;
const DECREASE = 0.85;
const INCREASE = 1.08;
/** Below this no picture is worth sending. */
const LOWEST_BPS = 150_000;

/**
 * The bitrate that a publisher without transport-wide feedback is told by REMB: it grows while packets come through,
 * up to the configured limit, and gives way to loss. Publishers with that feedback estimate for themselves.
 */
export class BitrateLimit {
  readonly #highestBps: number;
  #limitBps: number;

  constructor(options: { readonly highestBps: number }) {
    this.#highestBps = options.highestBps;
    this.#limitBps = options.highestBps;
  }

  /** Once per report: `lossRatio` and `receivedBps` since the last one. */
  update(lossRatio: number, receivedBps: number): number {
    if (lossRatio > HIGH_LOSS) this.#limitBps = Math.max(LOWEST_BPS, receivedBps * DECREASE);
    else if (lossRatio < LOW_LOSS) this.#limitBps = Math.min(this.#highestBps, this.#limitBps * INCREASE);
    return this.#limitBps;
  }
}
