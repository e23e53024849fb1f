import { readMove } from "../upstream/read-move.ts";
import { SpareRound } from "./spare-round.ts";

/** An edge that leaves has told so in time: after a round over all others in vain they are asked again. */
const ROUND_PAUSE_MS = 500;

/** Edges that send their viewers to and fro are not followed; one that was started anew takes longer than this. */
const AWAY_MS = 10_000;

/** What becomes of a session to another edge. */
export interface SuccessionStep {
  /** There is a session; media may be yet to come. */
  readonly onConnected?: () => void;
  readonly onPromoted: () => void;
  readonly onFailed: () => void;
}

export interface EdgeSuccessionDeps {
  readonly random: () => number;
  readonly nowMs: () => number;
  /** The edges of the page, in order of preference, and the place of the one in use. */
  readonly sources: () => readonly string[];
  readonly current: () => number;
  /** The edge in use. */
  readonly src: () => string;
  /** Opens a session beside the one in use, and beside others that wait. The result gives it up. */
  readonly open: (src: string, step: SuccessionStep) => () => void;
  /** Gives up all sessions that have not taken over. */
  readonly stop: () => void;
  /** Asks the network which edges there are; never rejects. Undefined: there is nobody to ask. */
  readonly ask: ((signal: AbortSignal) => Promise<readonly string[]>) | undefined;
  /** The other edge has taken over: one that somebody has named, or the one at this place of the list. */
  readonly onArrived: (place: { readonly named: string } | { readonly source: number }) => void;
  /** As before, from an edge that was silent; comes after `onArrived`. */
  readonly onRescued: () => void;
}

/**
 * Decides where to go on when the edge in use is about to stop, or silent: to the edge that it names, or to the next
 * of the list that has media. The session in use stays until then.
 */
export class EdgeSuccession {
  readonly #deps: EdgeSuccessionDeps;
  /** The edge has not said that it leaves: what is opened is dropped if it gives a sign of life. */
  #isSpare = false;
  #goal: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOpening = false;
  #round: SpareRound | undefined;
  #left: { readonly src: string; readonly atMs: number } | undefined;
  #moves = 0;
  #refused = 0;

  constructor(deps: EdgeSuccessionDeps) {
    this.#deps = deps;
  }

  /** Where the edge has sent us, while that is not where we are. */
  get goal(): string | undefined {
    return this.#goal;
  }

  /** Another edge is dialled, or will be. */
  get isBusy(): boolean {
    return this.#isOpening || this.#isSpare || this.#goal !== undefined || this.#timer !== undefined;
  }

  /** Edges that were about to stop and were left for another one without a pause. */
  get moves(): number {
    return this.#moves;
  }

  /** Times that an edge sent us where we do not go. */
  get refused(): number {
    return this.#refused;
  }

  /** The edge is about to stop; `to` is another one, or "" for any. */
  onGoaway(to: string): void {
    const { src, nowMs } = this.#deps;
    const target = to === "" ? undefined : readMove(to, src());
    const isBack = target === this.#left?.src && nowMs() - (this.#left?.atMs ?? 0) < AWAY_MS;
    const named = isBack ? undefined : target;
    if (to !== "" && named === undefined) this.#refused += 1;
    this.cancel();
    if (named === undefined || named === src()) {
      this.#tryNext(1);
      return;
    }
    this.#goal = named;
    this.#open(named, {
      onPromoted: () => this.#arrive({ named }),
      onFailed: () => this.#tryNext(1),
    });
  }

  /**
   * The edge is silent: others are dialled beside it, in the end the edge itself once more. If it was only the path
   * that was held up, the session in use has lost nothing; and it is left as any other is, for what is on its way on
   * such a path may still come.
   */
  onSilent(): void {
    if (this.#isOpening || this.#timer !== undefined || this.#round !== undefined) return;
    this.#isSpare = true;
    const sources = this.#deps.sources();
    const ahead = sources.map(
      (_, index) => sources[(this.#deps.current() + 1 + index) % sources.length] ?? "",
    );
    this.#round = new SpareRound(ahead, {
      open: (src, step) => this.#deps.open(src, step),
      ask: this.#deps.ask,
      onWon: (src) => {
        this.#round = undefined;
        this.#isSpare = false;
        const source = this.#deps.sources().indexOf(src);
        this.#deps.onArrived(source < 0 ? { named: src } : { source });
        this.#deps.onRescued();
      },
      // The next sign that the edge is silent begins another one.
      onOver: () => {
        this.#round = undefined;
      },
    });
  }

  /** The edge that was silent has given a sign of life: media, or an answer. */
  onAlive(): void {
    if (this.#isSpare) this.cancel();
  }

  /** Idempotent. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#goal = undefined;
    this.#isSpare = false;
    this.#isOpening = false;
    this.#round?.close();
    this.#round = undefined;
    this.#deps.stop();
  }

  #open(src: string, step: SuccessionStep): void {
    this.#isOpening = true;
    this.#deps.open(src, {
      onPromoted: () => {
        this.#isOpening = false;
        step.onPromoted();
      },
      onFailed: () => {
        this.#isOpening = false;
        step.onFailed();
      },
    });
  }

  #arrive(place: { readonly named: string } | { readonly source: number }): void {
    this.#goal = undefined;
    this.#moves += 1;
    this.#left = { src: this.#deps.src(), atMs: this.#deps.nowMs() };
    this.#deps.onArrived(place);
  }

  /** The edges of the list in turn, and once more after a pause, for as long as the one that leaves bears it. */
  #tryNext(ahead: number): void {
    this.#goal = undefined;
    const place = this.#placeAt(ahead);
    if (place === undefined) {
      const pauseMs = ROUND_PAUSE_MS * (1 + this.#deps.random());
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#tryNext(1);
      }, pauseMs);
      return;
    }
    this.#open(place.src, {
      onPromoted: () => this.#arrive({ source: place.source }),
      onFailed: () => this.#tryNext(ahead + 1),
    });
  }

  #placeAt(ahead: number): { readonly source: number; readonly src: string } | undefined {
    const sources = this.#deps.sources();
    if (ahead > sources.length) return undefined;
    const source = (this.#deps.current() + ahead) % sources.length;
    const src = sources[source];
    return src === undefined ? undefined : { source, src };
  }
}
