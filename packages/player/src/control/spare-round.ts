/**
 * The path to a machine that is gone does not refuse: when this has passed the next edge is dialled beside the one that
 * is being dialled. Most are up sooner. Twice as long before each further one, for whom a slow path is the reason.
 */
const HEAD_START_MS = 300;

/** The silent edge itself is dialled anew no sooner than this: a bad path is no better for a second session. */
const SAME_EDGE_DELAY_MS = 500;

/** When nobody else is left to dial, those that are being dialled have this long. */
const LAST_DIAL_MS = 2_000;

/** An edge that has let us in and brings no media by then gets company, too. */
const MEDIA_MS = 1_000;

/** So many are dialled at a time; the oldest that has no session yet makes room. */
const MAX_DIALLED = 3;

/** What becomes of one session. */
export interface SpareStep {
  /** There is a session; media may be yet to come. */
  readonly onConnected: () => void;
  readonly onPromoted: () => void;
  readonly onFailed: () => void;
}

export interface SpareRoundDeps {
  /** Opens a session beside the one in use and those that are being opened. The result gives it up. */
  readonly open: (src: string, step: SpareStep) => () => void;
  /** Asks who else there is, once, when the first edge does not come at once; never rejects. Undefined: nobody knows. */
  readonly ask: ((signal: AbortSignal) => Promise<readonly string[]>) | undefined;
  /** The edge brings media: the round is over. */
  readonly onWon: (src: string) => void;
  /** Nobody is left to try. */
  readonly onOver: () => void;
}

interface Dialled {
  readonly giveUp: () => void;
  isConnected: boolean;
}

/**
 * Looks for an edge that can stand in for a silent one: those of a list one after the other, each with a head start, and
 * those that the network names when it is asked anew: of the list some may be gone, too. The first to bring media wins.
 */
export class SpareRound {
  readonly #deps: SpareRoundDeps;
  readonly #queue: string[];
  readonly #tried = new Set<string>();
  readonly #dialled = new Set<Dialled>();
  readonly #abort = new AbortController();
  /** While it runs the one that was dialled last has the time to come. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #headStartMs = HEAD_START_MS;
  #isLastCall = false;
  #asking: "not yet" | "now" | "done" = "not yet";

  /** `edges`: those of the list, the silent one as the last. */
  constructor(edges: readonly string[], deps: SpareRoundDeps) {
    this.#queue = [...edges];
    this.#deps = deps;
    if (edges.length > 1) this.#dialNext();
    else this.#dialNextIn(SAME_EDGE_DELAY_MS);
  }

  /** Gives up all sessions that have not won. Idempotent. */
  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    clearTimeout(this.#timer);
    for (const { giveUp } of this.#dialled) giveUp();
    this.#dialled.clear();
  }

  #dialNext(): void {
    if (this.#tried.size > 0) this.#askOnce();
    const src = this.#queue.find((edge) => !this.#tried.has(edge));
    if (src !== undefined) {
      this.#dial(src);
      return;
    }
    if (this.#asking === "now" || this.#isConnected) return;
    const isTimed = this.#timer !== undefined;
    if (this.#dialled.size === 0 || (this.#isLastCall && !isTimed)) this.#end(() => this.#deps.onOver());
    else if (!isTimed) {
      this.#isLastCall = true;
      this.#dialNextIn(LAST_DIAL_MS);
    }
  }

  #dial(src: string): void {
    this.#tried.add(src);
    this.#isLastCall = false;
    this.#makeRoom();
    let dialled: Dialled | undefined;
    const giveUp = this.#deps.open(src, {
      onConnected: () => {
        if (dialled !== undefined) dialled.isConnected = true;
        this.#dialNextIn(MEDIA_MS);
      },
      onPromoted: () => this.#end(() => this.#deps.onWon(src)),
      onFailed: () => {
        if (dialled !== undefined) this.#dialled.delete(dialled);
        if (!this.#isConnected) this.#dialNext();
      },
    });
    dialled = { giveUp, isConnected: false };
    this.#dialled.add(dialled);
    this.#dialNextIn(this.#headStartMs);
    this.#headStartMs *= 2;
  }

  #dialNextIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#dialNext();
    }, delayMs);
  }

  #makeRoom(): void {
    if (this.#dialled.size < MAX_DIALLED) return;
    const [first] = this.#dialled;
    const oldest = [...this.#dialled].find(({ isConnected }) => !isConnected) ?? first;
    if (oldest === undefined) return;
    this.#dialled.delete(oldest);
    oldest.giveUp();
  }

  #askOnce(): void {
    const { ask } = this.#deps;
    if (ask === undefined || this.#asking !== "not yet") return;
    this.#asking = "now";
    void ask(this.#abort.signal).then((named) => {
      if (this.#abort.signal.aborted) return;
      this.#asking = "done";
      const isNew = named.some((edge) => !this.#tried.has(edge));
      // They are known to be alive as of late, which is more than the rest of the list can say.
      this.#queue.unshift(...named);
      if (!this.#isConnected && (isNew || this.#timer === undefined)) this.#dialNext();
    });
  }

  get #isConnected(): boolean {
    for (const { isConnected } of this.#dialled) if (isConnected) return true;
    return false;
  }

  #end(then: () => void): void {
    if (this.#abort.signal.aborted) return;
    this.close();
    then();
  }
}
