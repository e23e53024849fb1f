/** So many stalls... */
const STALLS = 3;

/** ...within this time mean that the way does not carry the stream. */
const STALL_WINDOW_MS = 30_000;

/** What stands still right after a change is the change itself. */
const SETTLING_MS = 2_000;

/** A way that was left, or did not get through, is tried again after this; twice as long after each further time... */
const FIRST_PAUSE_MS = 15_000;

/** ...but not longer. */
const MAX_PAUSE_MS = 300_000;

/** A way that carried the stream for this long has nothing held against it any more. */
const PROVEN_MS = 60_000;

interface Rung {
  /** Times that it was left or refused since it last proved itself. */
  failures: number;
  notBeforeMs: number;
}

export interface LadderOptions {
  /** Number of transports that this browser can use. */
  readonly rungs: number;
}

export interface Upgrade {
  readonly rung: number;
  readonly inMs: number;
}

/**
 * Which transport to use, as positions in the list of those that the browser has, best first. It only decides: what
 * happened comes in, with the time of it.
 */
export class TransportLadder {
  readonly #rungs: readonly Rung[];
  #current = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #stallsMs: number[] = [];

  constructor(options: LadderOptions) {
    this.#rungs = Array.from({ length: options.rungs }, () => ({ failures: 0, notBeforeMs: 0 }));
  }

  get current(): number {
    return this.#current;
  }

  /** The stream comes this way from now on, or shall. */
  onSwitched(rung: number, nowMs: number): void {
    this.#forgiveIfProven(nowMs);
    this.#current = rung;
    this.#sinceMs = nowMs;
    this.#stallsMs = [];
  }

  /** The picture stands still. True: there were too many, and there is another way to try. */
  onStall(nowMs: number): boolean {
    if (nowMs - this.#sinceMs < SETTLING_MS) return false;
    this.#stallsMs = this.#stallsMs.filter((atMs) => nowMs - atMs < STALL_WINDOW_MS);
    this.#stallsMs.push(nowMs);
    return this.#stallsMs.length >= STALLS && this.below(this.#current) !== undefined;
  }

  /** It did not get through, or did not carry the stream. `isFinal`: nor will it. */
  onFailed(rung: number, nowMs: number, isFinal = false): void {
    if (rung === this.#current) this.#forgiveIfProven(nowMs);
    const entry = this.#rungs[rung];
    if (entry === undefined) return;
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** entry.failures);
    entry.failures += 1;
    entry.notBeforeMs = isFinal ? Number.POSITIVE_INFINITY : nowMs + pauseMs;
  }

  /** It was not the first to be up: tried again after a while, with nothing held against it. */
  postpone(rung: number, nowMs: number): void {
    const entry = this.#rungs[rung];
    if (entry !== undefined) entry.notBeforeMs = Math.max(entry.notBeforeMs, nowMs + FIRST_PAUSE_MS);
  }

  /** It failed, and is not to be tried yet. */
  isHeldBack(rung: number, nowMs: number): boolean {
    const entry = this.#rungs[rung];
    return entry !== undefined && entry.failures > 0 && entry.notBeforeMs > nowMs;
  }

  /** The next way down that is not ruled out; undefined at the bottom. */
  below(rung: number): number | undefined {
    for (let index = rung + 1; index < this.#rungs.length; index += 1) {
      if (this.#rungs[index]?.notBeforeMs !== Number.POSITIVE_INFINITY) return index;
    }
    return undefined;
  }

  /** The way up that may be tried soonest, the better one of two that are due; undefined at the top. */
  nextUpgrade(nowMs: number): Upgrade | undefined {
    let best: Upgrade | undefined;
    for (let rung = 0; rung < this.#current; rung += 1) {
      const notBeforeMs = this.#rungs[rung]?.notBeforeMs ?? Number.POSITIVE_INFINITY;
      if (notBeforeMs === Number.POSITIVE_INFINITY) continue;
      const inMs = Math.max(0, notBeforeMs - nowMs, this.#sinceMs + SETTLING_MS - nowMs);
      if (best === undefined || inMs < best.inMs) best = { rung, inMs };
    }
    return best;
  }

  #forgiveIfProven(nowMs: number): void {
    const entry = this.#rungs[this.#current];
    if (entry !== undefined && nowMs - this.#sinceMs >= PROVEN_MS) entry.failures = 0;
  }
}
