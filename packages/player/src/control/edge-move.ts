import type { PlayerError } from "../player-error.ts";
import type { TrackKind, TrackSelection, UpstreamFactory, UpstreamSink } from "../upstream/upstream.ts";
import type { MediaSink, WatchedSession } from "./session-media.ts";

/** Each ends by itself after seconds; who is sent on and on gives up the oldest. */
const MAX_PREDECESSORS = 2;

export interface EdgeMoveDeps {
  /** Opens a session to `src` whose sink is made of the one that it would have if it were in use. */
  readonly open: (
    factory: UpstreamFactory,
    src: string,
    editSink: (inUse: UpstreamSink) => UpstreamSink,
  ) => WatchedSession;
  /** Tracks that the player has chosen, if it has. */
  readonly selection: () => TrackSelection | undefined;
  readonly sink: MediaSink & Pick<UpstreamSink, "onCatalog">;
  /** The successor brings media: it is to be the one in use. Returns the one that it takes over from. */
  readonly onTakeOver: (successor: Successor) => WatchedSession | undefined;
}

/** A session to another edge. */
export interface Successor extends WatchedSession {
  /** Undefined while it is not connected. */
  readonly timeBaseUrl: string | undefined;
}

/** What comes of an attempt to move. */
export interface MoveOutcome {
  readonly onConnected?: () => void;
  readonly onPromoted: () => void;
  readonly onFailed: (error: PlayerError) => void;
}

/**
 * Opens sessions to other edges beside the one in use, of which one takes over with its first frame. The one that is left
 * goes on until all that it had begun is there, so that nothing is missing and nothing comes twice.
 */
export class EdgeMove {
  readonly #deps: EdgeMoveDeps;
  readonly #waiting = new Set<WatchedSession>();
  /** Sessions that are being left; of moves in quick succession more than one. */
  readonly #predecessors = new Set<WatchedSession>();
  #closed = false;

  constructor(deps: EdgeMoveDeps) {
    this.#deps = deps;
  }

  /** The result gives the session up, if it has not taken over. */
  start(factory: UpstreamFactory, src: string, outcome: MoveOutcome): () => void {
    const { sink, selection } = this.#deps;
    let session: WatchedSession | undefined;
    let timeBaseUrl: string | undefined;
    /** Where it sends its viewers itself, before it has taken over. */
    let movesTo: string | undefined;
    const isWaiting = (): boolean => session !== undefined && this.#waiting.has(session);
    session = this.#deps.open(factory, src, (inUse) => ({
      ...inUse,
      onConnected: (baseUrl) => {
        timeBaseUrl = baseUrl;
        if (isWaiting()) outcome.onConnected?.();
      },
      onCatalog: (catalog) => {
        const selected = selection();
        if (!isWaiting()) inUse.onCatalog(catalog);
        else if (selected !== undefined) session?.upstream.select(selected);
        // The very first catalog: the player answers with what it chooses, for this session, too.
        else sink.onCatalog(catalog);
      },
      // Both sessions' messages count: the two edges are not at the same one either.
      onTimed: (...args) => sink.onTimed(...args),
      onFrame: (kind, track, sequence, frame) => {
        if (isWaiting() && session !== undefined) {
          this.#waiting.delete(session);
          this.stop();
          this.#promote({ ...session, timeBaseUrl }, outcome);
          // Whoever hears of it may close the player.
          if (this.#closed) return;
          session.media.tellOpen(sink);
        }
        inUse.onFrame(kind, track, sequence, frame);
        if (movesTo === undefined) return;
        const to = movesTo;
        movesTo = undefined;
        inUse.onMove(to);
      },
      onMove: (to) => {
        if (isWaiting()) movesTo = to;
        else inUse.onMove(to);
      },
      onClosed: (error) => {
        if (!isWaiting()) {
          inUse.onClosed(error);
          return;
        }
        if (session !== undefined) this.#waiting.delete(session);
        outcome.onFailed(error);
      },
    }));
    const opened = session;
    this.#waiting.add(opened);
    return () => {
      if (this.#waiting.delete(opened)) opened.upstream.close();
    };
  }

  /** The player has chosen. */
  select(selection: TrackSelection): void {
    for (const { upstream } of this.#waiting) upstream.select(selection);
  }

  /** Gives up all sessions that have not taken over. Idempotent. */
  stop(): void {
    for (const { upstream } of this.#waiting) upstream.close();
    this.#waiting.clear();
  }

  /** Also ends those that are being left. Idempotent. */
  close(): void {
    this.#closed = true;
    this.stop();
    for (const { media } of this.#predecessors) media.close();
  }

  #promote(successor: Successor, outcome: MoveOutcome): void {
    const predecessor = this.#deps.onTakeOver(successor);
    outcome.onPromoted();
    if (predecessor === undefined) return;
    if (this.#closed) {
      predecessor.upstream.close();
      return;
    }
    this.#predecessors.add(predecessor);
    predecessor.media.leave(successor.media, kindsOf(this.#deps.selection()), () => {
      this.#predecessors.delete(predecessor);
      predecessor.upstream.close();
    });
    const [oldest] = this.#predecessors;
    if (this.#predecessors.size > MAX_PREDECESSORS) oldest?.media.close();
  }
}

function kindsOf(selection: TrackSelection | undefined): TrackKind[] {
  return (["video", "audio"] as const).filter((kind) => selection?.[kind] !== undefined);
}
