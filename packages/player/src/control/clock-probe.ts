import type { Clock } from "../clock.ts";
import { betterOffset, type ClockOffset } from "../sync/clock-offset.ts";
import { probeTime } from "../sync/probe-time.ts";

/** Enough to start with: at first all time belongs to the picture. */
const FIRST_PROBES = 2;

/** Of so many one nearly always meets an empty path. */
const PROBES = 5;

/** When the first measurement is replaced by a better one. */
const SECOND_PROBE_MS = 1_500;

/** A first measurement that may be off by more, as on a machine that is busy at the start, is repeated sooner... */
const ROUGH_US = 25_000;
const ROUGH_PAUSE_MS = 200;

/** ...a few times: a long path does not get shorter by it. */
const ROUGH_ROUNDS = 5;

/** The offset is measured again so often; crystals drift by milliseconds in this time. */
const PROBE_INTERVAL_MS = 30_000;

export interface ClockProbeDeps {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  readonly onOffset: (offset: ClockOffset) => void;
}

/** Keeps measuring the clock of the edge in use. What was learnt of one edge holds for the next: they are in sync. */
export class ClockProbe {
  readonly #deps: ClockProbeDeps;
  #offset: ClockOffset | undefined;
  #offsetAtUs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(deps: ClockProbeDeps) {
    this.#deps = deps;
  }

  get offset(): ClockOffset | undefined {
    return this.#offset;
  }

  /** From now on by `GET /v1/time` below this base. */
  start(timeBaseUrl: string): void {
    this.stop();
    this.#abort = new AbortController();
    void this.#probe(timeBaseUrl, 1, this.#abort.signal);
  }

  /** Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** `round`: counts those that are there to start with; 0 for the regular ones. */
  async #probe(timeBaseUrl: string, round: number, signal: AbortSignal): Promise<void> {
    const { clock, fetch, onOffset } = this.#deps;
    const count = round > 0 ? FIRST_PROBES : PROBES;
    const fresh = await probeTime(timeBaseUrl, count, { clock, fetch, signal });
    if (signal.aborted) return;
    if (fresh !== undefined) {
      const nowUs = clock.nowUs();
      this.#offset = betterOffset(this.#offset, fresh, nowUs - this.#offsetAtUs);
      if (this.#offset === fresh) this.#offsetAtUs = nowUs;
      onOffset(this.#offset);
    }
    const isRough = fresh !== undefined && (this.#offset?.uncertaintyUs ?? 0) > ROUGH_US;
    const again = round > 0 && round < ROUGH_ROUNDS && isRough;
    const pauseMs = again ? ROUGH_PAUSE_MS : round > 0 ? SECOND_PROBE_MS : PROBE_INTERVAL_MS;
    this.#timer = setTimeout(() => void this.#probe(timeBaseUrl, again ? round + 1 : 0, signal), pauseMs);
  }
}
