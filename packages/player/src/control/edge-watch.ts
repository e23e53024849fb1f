/** An edge that works answers much sooner, and on a path that is held up for longer a second session does no harm. */
const ANSWER_TIMEOUT_MS = 600;

/** While nothing comes the edge is asked again so often: it may go away while its publisher pauses. */
const INTERVAL_MS = 1_000;

export interface EdgeWatchDeps {
  readonly fetch: typeof fetch;
  /** Base of the HTTP endpoints of the edge in use; undefined before the session is up. */
  readonly baseUrl: () => string | undefined;
  /** The edge has not answered. */
  readonly onSilent: () => void;
}

/**
 * Tells, while media should come and does not, whether that is because the edge is gone. A session alone cannot: QUIC
 * gives a silent peer 30 seconds. A publisher that pauses, or an edge without its parent, leaves an edge that answers.
 */
export class EdgeWatch {
  readonly #deps: EdgeWatchDeps;
  #abort: AbortController | undefined;

  constructor(deps: EdgeWatchDeps) {
    this.#deps = deps;
  }

  /** Media has stopped. Does nothing while it watches already. */
  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    void this.#watch(this.#abort.signal);
  }

  /** Media comes, or is not expected. Idempotent, and cheap enough for every picture. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const baseUrl = this.#deps.baseUrl();
      if (baseUrl !== undefined && !(await this.#answers(baseUrl, signal)) && !signal.aborted) {
        this.#deps.onSilent();
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }

  /** Whatever the answer is, it comes from somebody who lives. */
  async #answers(baseUrl: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#deps.fetch(new URL("/livez", baseUrl), {
        cache: "no-store",
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      return true;
    } catch {
      return false;
    }
  }
}
