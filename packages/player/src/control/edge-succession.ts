import { readMove } from "../upstream/read-move.ts";

/** An edge that leaves has told so in time: after a round over all others in vain they are asked again. */
const ROUND_PAUSE_MS = 500;

/** Edges that send their viewers to and fro are not followed; one that was started anew takes longer than this. */
const AWAY_MS = 10_000;

/**
 * A machine that is gone does not refuse: the first edge that stands in for a silent one has this long to have a session,
 * each further one twice as long, for whom a slow path is the reason.
 */
const SPARE_DIAL_MS = 1_000;

/** What becomes of a session to another edge. */
export interface SuccessionStep {
  /** The edge that is left still delivers, and is asked for the rest of what it had begun. */
  readonly keepsPredecessor: boolean;
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
  /** Opens a session beside the one in use; it takes the place of one that is waiting. */
  readonly open: (src: string, step: SuccessionStep) => void;
  /** Gives up a session that has not taken over. */
  readonly stop: () => void;
  /** The other edge has taken over: one that the edge before has named, or the one at this place of the list. */
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
  /** The edge has not said that it leaves: what is opened is dropped if media comes again. */
  #isSpare = false;
  #goal: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOpening = false;
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
      keepsPredecessor: true,
      onPromoted: () => this.#arrive({ named }),
      onFailed: () => this.#tryNext(1),
    });
  }

  /**
   * The edge is silent: another one of the list is dialled beside it. If it was only the path that was held up, the
   * session in use has lost nothing.
   */
  onSilent(): void {
    if (!this.#isOpening) this.#trySpare(1);
  }

  /** Media comes. */
  onMedia(): void {
    if (this.#isSpare) this.cancel();
  }

  /** Idempotent. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#goal = undefined;
    this.#isSpare = false;
    this.#isOpening = false;
    this.#deps.stop();
  }

  #open(src: string, step: SuccessionStep): void {
    this.#isOpening = true;
    this.#deps.open(src, {
      keepsPredecessor: step.keepsPredecessor,
      ...(step.onConnected !== undefined && { onConnected: step.onConnected }),
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
      keepsPredecessor: true,
      onPromoted: () => this.#arrive({ source: place.source }),
      onFailed: () => this.#tryNext(ahead + 1),
    });
  }

  /** `ahead` places on, and in the end the silent edge itself. */
  #trySpare(ahead: number): void {
    const place = this.#placeAt(ahead);
    if (place === undefined) return;
    this.#isSpare = true;
    const stopWaiting = (): void => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
    this.#open(place.src, {
      keepsPredecessor: false,
      onConnected: stopWaiting,
      onPromoted: () => {
        stopWaiting();
        this.#isSpare = false;
        this.#deps.onArrived({ source: place.source });
        this.#deps.onRescued();
      },
      onFailed: () => {
        stopWaiting();
        this.#trySpare(ahead + 1);
      },
    });
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#isOpening = false;
        this.#deps.stop();
        this.#trySpare(ahead + 1);
      },
      SPARE_DIAL_MS * 2 ** (ahead - 1),
    );
  }

  #placeAt(ahead: number): { readonly source: number; readonly src: string } | undefined {
    const sources = this.#deps.sources();
    if (ahead > sources.length) return undefined;
    const source = (this.#deps.current() + ahead) % sources.length;
    const src = sources[source];
    return src === undefined ? undefined : { source, src };
  }
}
