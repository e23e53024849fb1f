/** First wait after a lost session, per round over all edges. */
const BASE_DELAY_MS = 250;

/** Viewers should be back soon after an edge is, but not all in the same second. */
const MAX_DELAY_MS = 5_000;

/** Of the wait, per round: an edge is found again within half the time that it was away; 2 would need all of it. */
const GROWTH = 1.5;

/** Rounds over the list before the first success after which the player says `failed`: 6 s of waits, and the attempts. */
const MAX_FIRST_ROUNDS = 8;

export interface RetryDecision {
  /** Index into the list of edges. */
  readonly source: number;
  readonly delayMs: number;
}

/**
 * Which edge to try next and when. The next one in the list comes without a wait as long as the round is not
 * complete; after a round the wait grows, with full jitter above the half.
 */
export class RetrySchedule {
  #sources: number;
  readonly #random: () => number;
  #failures = 0;
  #current = 0;
  #hasSucceeded = false;

  constructor(options: { readonly sources: number }, deps: { readonly random: () => number }) {
    this.#sources = Math.max(1, options.sources);
    this.#random = deps.random;
  }

  get current(): number {
    return this.#current;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The session is up and media flows. */
  onSuccess(): void {
    this.#failures = 0;
    this.#hasSucceeded = true;
  }

  /** The next attempt, or undefined: give up. */
  onFailure(): RetryDecision | undefined {
    this.#failures += 1;
    const rounds = Math.floor(this.#failures / this.#sources);
    if (!this.#hasSucceeded && rounds >= MAX_FIRST_ROUNDS) return undefined;
    this.#current = (this.#current + 1) % this.#sources;
    if (this.#failures % this.#sources !== 0) return { source: this.#current, delayMs: 0 };
    const capMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * GROWTH ** (rounds - 1));
    return { source: this.#current, delayMs: capMs / 2 + (capMs / 2) * this.#random() };
  }

  /** Another list of edges is in force: from its first. */
  renew(sources: number): void {
    this.#sources = Math.max(1, sources);
    this.#current = 0;
  }

  /** Another edge of the list has taken over. */
  moveTo(source: number): void {
    this.#current = source;
  }

  /** The user asked for another try: as at the beginning, from the edge that was last. */
  restart(): void {
    this.#failures = 0;
    this.#hasSucceeded = false;
  }
}
