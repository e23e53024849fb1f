import type { Upstream } from "../upstream/upstream.ts";

/** An edge that lives answers much sooner, and on a path that is held up for longer a second session does no harm. */
const MAX_ANSWER_MS = 450;

/** Where the path is known to be short: so many round trips, and a while for an edge that is busy. */
const ANSWER_ROUND_TRIPS = 4;
const BUSY_EDGE_MS = 200;

/** In such steps it waits: a page that stood still itself misses one of them and then finds the answer, instead of all. */
const STEP_MS = 50;

/** While nothing comes the edge is asked again so often: it may go away while its publisher pauses. */
const INTERVAL_MS = 1_000;

export interface EdgeWatchDeps {
  /** The session in use. */
  readonly upstream: () => Upstream | undefined;
  /** From a request to its answer, ms; undefined while nothing has been measured. */
  readonly roundTripMs: () => number | undefined;
  /** The edge has not answered in time. */
  readonly onSilent: () => void;
  /** It has after all: it was busy, or the path was held up. */
  readonly onLateAnswer: () => void;
}

/**
 * Tells, while media should come and does not, whether that is because the edge is gone, by asking it for a sign of
 * life on the session itself: QUIC gives a silent peer 30 seconds, and a process that was started anew answers HTTP
 * at the same address but knows nothing of the session. A publisher that pauses leaves an edge that answers.
 */
export class EdgeWatch {
  readonly #deps: EdgeWatchDeps;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cancel: (() => void) | undefined;

  constructor(deps: EdgeWatchDeps) {
    this.#deps = deps;
  }

  /** Media has stopped. Does nothing while it watches already, or if the session cannot be asked. */
  start(): void {
    if (this.#timer === undefined) this.#ask();
  }

  /** Media comes, or is not expected. Idempotent, and cheap enough for every frame. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #ask(): void {
    const upstream = this.#deps.upstream();
    if (upstream?.probe === undefined) return;
    const roundTripMs = this.#deps.roundTripMs() ?? MAX_ANSWER_MS;
    const answerMs = Math.min(MAX_ANSWER_MS, BUSY_EDGE_MS + ANSWER_ROUND_TRIPS * roundTripMs);
    let isLate = false;
    this.#wait(answerMs, Math.ceil(answerMs / STEP_MS), () => {
      isLate = true;
      this.#askLater(INTERVAL_MS - answerMs);
      this.#deps.onSilent();
    });
    this.#cancel?.();
    this.#cancel = upstream.probe(() => {
      this.#cancel = undefined;
      if (isLate) {
        this.#deps.onLateAnswer();
        return;
      }
      clearTimeout(this.#timer);
      this.#askLater(INTERVAL_MS);
    });
  }

  /** `ms` in so many steps. */
  #wait(ms: number, steps: number, then: () => void): void {
    this.#timer = setTimeout(() => {
      if (steps > 1) this.#wait(ms - ms / steps, steps - 1, then);
      else then();
    }, ms / steps);
  }

  #askLater(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#ask();
    }, delayMs);
  }
}
