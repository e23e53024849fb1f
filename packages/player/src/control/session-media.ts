import type { TrackKind, Upstream, UpstreamSink } from "../upstream/upstream.ts";

/** What is on its way when a session is left comes within this, or not at all. */
const LEAVE_MS = 2_000;

/** And it is not left sooner: messages come each on a stream of its own, which a lost packet holds up. */
const MIN_LEAVE_MS = 500;

/** Both count from when the other edge sends messages, too. On slow paths that is seconds after its first frame. */
const MAX_READY_MS = 5_000;

/** A session and the account of what it brings. */
export interface WatchedSession {
  readonly upstream: Upstream;
  readonly media: SessionMedia;
}

/** The part of a sink that takes encoded media, and the messages that go with it: of those none is shown twice. */
export type MediaSink = Pick<UpstreamSink, "onGroupOpen" | "onFrame" | "onGroupEnd" | "onTimed">;

interface Lane {
  /** Groups that have begun and not ended, with the track that they belong to. */
  readonly open: Map<number, string>;
  newest: number;
  /** The first group of which a frame came. */
  first: number | undefined;
}

/** The messages' track: each has a group of its own. */
interface TimedLane {
  /** The edge sends what appears from now on. */
  isReady: boolean;
  newest: number;
  first: number | undefined;
}

/**
 * Keeps account of the groups of one session, so that it can be left for another edge without losing a frame: the two
 * edges are not at the same frame, and the other one begins at a group's start. What the session that is left still
 * brings of groups before that one passes; of that one and later ones it is not wanted any more. Messages of both pass:
 * which of them came twice is for their queue to see.
 */
export class SessionMedia {
  readonly #lanes: Readonly<Record<TrackKind, Lane>> = { video: createLane(), audio: createLane() };
  readonly #timed: TimedLane = { isReady: false, newest: -1, first: undefined };
  #leaving: { readonly to: SessionMedia; readonly kinds: readonly TrackKind[] } | undefined;
  /** The session that is being left for this one. */
  #predecessor: SessionMedia | undefined;
  #onLeft: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRipe = false;

  /** `inner` with the account kept. Media of a session that is being left goes to `past`, as far as it is wanted. */
  watch(inner: UpstreamSink, past: MediaSink): UpstreamSink {
    return {
      ...inner,
      onTimed: (message, source, sequence) => {
        if (sequence !== undefined) {
          this.#timed.first ??= sequence;
          this.#timed.newest = Math.max(this.#timed.newest, sequence);
        }
        (this.#leaving === undefined ? inner : past).onTimed(message, source, sequence);
        this.#settle();
      },
      onTimedReady: () => {
        this.#onTimedReady();
        inner.onTimedReady();
      },
      onClosed: (error) => {
        // There is nothing to wait for any more.
        this.#onTimedReady();
        inner.onClosed(error);
      },
      onGroupOpen: (kind, track, sequence) => {
        this.#begin(kind, track, sequence);
        if (this.#leaving === undefined) inner.onGroupOpen(kind, track, sequence);
        else if (this.#isWanted(kind, sequence)) past.onGroupOpen(kind, track, sequence);
        this.#settle();
      },
      onFrame: (kind, track, sequence, frame) => {
        if (this.#leaving !== undefined) {
          if (this.#isWanted(kind, sequence)) past.onFrame(kind, track, sequence, frame);
          return;
        }
        const lane = this.#lanes[kind];
        if (!lane.open.has(sequence)) this.#begin(kind, track, sequence);
        const isFirst = lane.first === undefined;
        lane.first ??= sequence;
        inner.onFrame(kind, track, sequence, frame);
        if (isFirst && this.#predecessor !== undefined) this.#predecessor.#settle();
      },
      onGroupEnd: (kind, track, sequence, aborted) => {
        this.#lanes[kind].open.delete(sequence);
        if (this.#leaving === undefined) inner.onGroupEnd(kind, track, sequence, aborted);
        else if (this.#isWanted(kind, sequence)) past.onGroupEnd(kind, track, sequence, aborted);
        this.#settle();
      },
    };
  }

  /** Tells `sink` of the groups that have begun: it was not listening then. */
  tellOpen(sink: MediaSink): void {
    for (const kind of ["video", "audio"] as const) {
      for (const [sequence, track] of this.#lanes[kind].open) sink.onGroupOpen(kind, track, sequence);
    }
  }

  /** Calls `onLeft` when `to` has taken over all of `kinds` and the messages, and nothing from before is on its way. */
  leave(to: SessionMedia, kinds: readonly TrackKind[], onLeft: () => void): void {
    this.#leaving = { to, kinds };
    this.#onLeft = onLeft;
    to.#predecessor = this;
    if (to.#timed.isReady) this.#ripen();
    else this.#timer = setTimeout(() => this.#end(), MAX_READY_MS);
  }

  /** The session that is left is closed at once, if it is still there. Idempotent. */
  close(): void {
    this.#end();
  }

  #onTimedReady(): void {
    if (this.#timed.isReady) return;
    this.#timed.isReady = true;
    if (this.#predecessor !== undefined) this.#predecessor.#ripen();
  }

  #ripen(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isRipe = true;
      this.#timer = setTimeout(() => this.#end(), LEAVE_MS - MIN_LEAVE_MS);
      this.#settle();
    }, MIN_LEAVE_MS);
  }

  #begin(kind: TrackKind, track: string, sequence: number): void {
    const lane = this.#lanes[kind];
    lane.open.set(sequence, track);
    lane.newest = Math.max(lane.newest, sequence);
  }

  /** The first group of the session that takes over. */
  #firstOfNext(kind: TrackKind): number | undefined {
    return this.#leaving === undefined ? undefined : this.#leaving.to.#lanes[kind].first;
  }

  #isWanted(kind: TrackKind, sequence: number): boolean {
    const first = this.#firstOfNext(kind);
    return first === undefined || sequence < first;
  }

  #settle(): void {
    if (this.#leaving === undefined || this.#onLeft === undefined || !this.#isRipe) return;
    if (this.#isTimedLeft() && this.#leaving.kinds.every((kind) => this.#isLeft(kind))) this.#end();
  }

  #isTimedLeft(): boolean {
    const first = this.#leaving === undefined ? undefined : this.#leaving.to.#timed.first;
    return first === undefined || this.#timed.newest >= first - 1;
  }

  #isLeft(kind: TrackKind): boolean {
    const first = this.#firstOfNext(kind);
    const { open, newest } = this.#lanes[kind];
    if (first === undefined || newest < first - 1) return false;
    for (const sequence of open.keys()) if (sequence < first) return false;
    return true;
  }

  #end(): void {
    clearTimeout(this.#timer);
    const onLeft = this.#onLeft;
    this.#onLeft = undefined;
    if (this.#leaving !== undefined) this.#leaving.to.#predecessor = undefined;
    onLeft?.();
  }
}

function createLane(): Lane {
  return { open: new Map(), newest: -1, first: undefined };
}
