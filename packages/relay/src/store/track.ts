import {
  ERROR_CODES,
  type ErrorCode,
  type SubscribeOptions,
  type TrackInfo,
  type WireFrame,
} from "@canopy/protocol";
import { RelayError } from "../relay-error.ts";
import type { Group } from "./group.ts";
import { GroupCache } from "./group-cache.ts";
import { type ReadOptions, readTrack, type TrackReader, type TrackReading } from "./read-track.ts";
import type { TrackFeed } from "./route.ts";
import type { StoreContext } from "./store-context.ts";
import { mergeDemand, NO_DEMAND } from "./track-demand.ts";

/** Whoever follows a track. Told of news once per flush; reads groups and frames in place. */
export interface TrackObserver {
  /** Place in the track's list; written by the track only, -1 while not attached. */
  slot: number;
  readonly demand: SubscribeOptions;
  /** Not called if the info was known when the observer was attached. */
  onTrackInfo(info: TrackInfo): void;
  /** There are new frames or groups, or groups ended. `nowMs` spares each observer the clock. */
  onTrackNews(nowMs: number): void;
  /** After the last news. The observer is detached already. Undefined = orderly end. */
  onTrackClosed(code: ErrorCode | undefined): void;
}

/** Asked for a track's info only; called once. */
export interface InfoWaiter {
  onTrackInfo(info: TrackInfo): void;
  onTrackClosed(code: ErrorCode | undefined): void;
}

/** Opens the feed of a track on demand; undefined while there is no live source. */
export type OpenFeed = (track: Track, demand: SubscribeOptions) => TrackFeed | undefined;

/** How long a superseded group whose source is gone is kept open for another source to complete it. */
const ORPHAN_GRACE_MS = 1_000;
/** A feed that is to take over and has brought no group in this time takes over all the same: some tracks seldom have one. */
const HAND_OVER_MS = 2_000;
/** Groups that a child may be behind another one when both change their parent: a few seconds of sound. */
const MAX_REACH_BACK_GROUPS = 8;
/** Requests for the info of one track that may wait for its source at the same time. */
const MAX_INFO_WAITERS = 10_000;

/** One track: its cached groups in order, its subscribers, and the feed that fills it if it has a remote source. */
export class Track {
  readonly name: string;
  /** Made at this node on demand (`Broadcast.offerTrack`), whatever route the broadcast has. */
  readonly offered: boolean;
  info: TrackInfo | undefined;
  closed = false;
  closeCode: ErrorCode | undefined;
  feed: TrackFeed | undefined;
  /** By a better route; takes over with its first group, until which `feed` goes on. */
  private nextFeed: TrackFeed | undefined;
  private handOverUntilMs = 0;
  demand: SubscribeOptions = NO_DEMAND;
  /** Since when nobody follows it, ms. */
  idleSinceMs: number;

  private readonly context: StoreContext;
  private readonly cache: GroupCache;
  private readonly openFeed: OpenFeed | undefined;
  private readonly observers: TrackObserver[] = [];
  private waiters: InfoWaiter[] = [];
  private dirty = false;
  private hasNewFrames = false;
  private demandStale = false;
  /** First group that the feed was asked for; undefined = the newest. */
  private feedStart: number | undefined;

  constructor(
    name: string,
    info: TrackInfo | undefined,
    openFeed: OpenFeed | undefined,
    context: StoreContext,
    offered = false,
  ) {
    this.name = name;
    this.offered = offered;
    this.info = info;
    this.openFeed = openFeed;
    this.context = context;
    this.cache = new GroupCache(context);
    this.idleSinceMs = context.clock.nowMs();
  }

  /** In order of sequence; the last is the newest. Read it in place. */
  get groups(): readonly Group[] {
    return this.cache.groups;
  }

  get latest(): Group | undefined {
    return this.cache.latest;
  }

  /** `arrival` of the group that appeared last; a subscriber compares it to see whether there are new groups. */
  get arrivals(): number {
    return this.cache.arrivals;
  }

  get observerCount(): number {
    return this.observers.length;
  }

  /** True if frames come on demand, not from a publisher that pushes. */
  get pulled(): boolean {
    return this.openFeed !== undefined;
  }

  get effectivePriority(): number {
    return Math.max(this.info === undefined ? 0 : this.info.priority, this.demand.priority);
  }

  // ------------------------------------------------------------ writing

  /**
   * Starts a group. Without `sequence`: one more than the newest, and for the first group of a track the
   * milliseconds of the Unix epoch, so that a restarted origin goes on above everything it sent before.
   */
  openGroup(sequence?: number): Group {
    if (this.closed) throw new RelayError("track_closed", this.name);
    const wanted = sequence ?? this.cache.nextSequence(this.context.clock.nowMs());
    const group = this.receiveGroup(wanted);
    if (group === undefined) throw new RelayError("group_exists", `${this.name}/${wanted}`);
    return group;
  }

  /**
   * A group arrives from a source, possibly out of order. Returns the group to fill; a group that the previous
   * source left unfinished is returned again (its `frames` are there already); undefined if it is not wanted:
   * complete, given up, or gone from the cache. `from`: the feed that brings it.
   */
  receiveGroup(sequence: number, from?: TrackFeed): Group | undefined {
    if (from !== undefined && from === this.nextFeed) this.completeHandOver();
    const nowMs = this.context.clock.nowMs();
    const group = this.closed ? undefined : this.cache.receive(this, sequence, nowMs);
    if (group === undefined) {
      this.context.counters.groupsDuplicate += 1;
      return undefined;
    }
    this.context.counters.groupsReceived += 1;
    this.cache.expire(this.info?.maxLatencyMs ?? 0, nowMs);
    this.markDirty();
    return group;
  }

  /** Makes room for one more frame; false if the limits forbid it. Called by the group. */
  admit(group: Group, frame: WireFrame): boolean {
    if (!this.closed && this.cache.admit(group, frame)) return true;
    this.context.counters.groupsOverLimit += 1;
    return false;
  }

  /** Called by the group for every frame: no allocation here. */
  onFrameAppended(frame: WireFrame): void {
    const size = frame.wire.byteLength;
    const { counters } = this.context;
    counters.framesReceived += 1;
    counters.bytesReceived += size;
    this.cache.add(size);
    this.hasNewFrames = true;
    this.markDirty();
  }

  /** The fixed properties, when the source has told them. False if they contradict what is known already. */
  setInfo(info: TrackInfo): boolean {
    if (this.info !== undefined) return this.info.timescale === info.timescale;
    this.info = info;
    for (let index = this.observers.length - 1; index >= 0; index -= 1)
      this.observers[index]?.onTrackInfo(info);
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.onTrackInfo(info);
    return true;
  }

  /** The track is over: what is cached is still delivered, then observers are told. Idempotent. */
  close(code?: ErrorCode): void {
    if (this.closed) return;
    for (const group of this.groups) if (!group.done) group.abort(code ?? ERROR_CODES.closed);
    this.closed = true;
    this.closeCode = code;
    this.nextFeed?.close();
    this.nextFeed = undefined;
    this.feed?.close();
    this.feed = undefined;
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.onTrackClosed(code ?? ERROR_CODES.notFound);
    this.markDirty();
  }

  // ------------------------------------------------------------ following

  attach(observer: TrackObserver): void {
    // Without a source what is cached grows old: who comes now should not begin there.
    if (this.pulled && this.feed === undefined && this.observers.length === 0) this.cache.clear();
    observer.slot = this.observers.length;
    this.observers.push(observer);
    const merged = this.observers.length === 1 ? observer.demand : mergeDemand(this.demand, observer.demand);
    if (merged !== this.demand) {
      this.demand = merged;
      this.updateFeeds();
    }
    const { startGroup } = observer.demand;
    if (this.latest === undefined && this.startsElsewhere(startGroup)) this.dropFeed();
    if (startGroup !== undefined && this.reachesBack(startGroup)) {
      this.dropFeed();
      this.openFeedAt(startGroup);
    } else this.ensureFeed(startGroup);
    // A track that closed in the same turn still tells this observer, in its last flush.
    if (this.closed) this.markDirty();
  }

  /** Idempotent; safe inside `onTrackNews`. */
  detach(observer: TrackObserver): void {
    const { slot } = observer;
    if (slot < 0 || this.observers[slot] !== observer) return;
    // The last one takes the free place: a flush walks backwards, so nobody is missed.
    const last = this.observers.pop();
    if (last !== undefined && last !== observer) {
      this.observers[slot] = last;
      last.slot = slot;
    }
    observer.slot = -1;
    this.demandStale = true;
    if (this.observers.length === 0) this.idleSinceMs = this.context.clock.nowMs();
  }

  /** An observer's demand changed; taken up by the next `tick`. */
  demandChanged(): void {
    this.demandStale = true;
  }

  /** Push-style reading for consumers inside this process; frames in order, group after group. */
  subscribe(reader: TrackReader, options?: ReadOptions): TrackReading {
    return readTrack(this, reader, options);
  }

  /** Answers at once if the info is known, else asks the source. */
  awaitInfo(waiter: InfoWaiter): void {
    if (this.info !== undefined) {
      waiter.onTrackInfo(this.info);
      return;
    }
    if (this.closed || this.waiters.length >= MAX_INFO_WAITERS) {
      waiter.onTrackClosed(this.closeCode ?? ERROR_CODES.notFound);
      return;
    }
    this.waiters.push(waiter);
    this.idleSinceMs = this.context.clock.nowMs();
    this.ensureFeed();
  }

  /** Whoever asked for the info is gone. */
  cancelInfo(waiter: InfoWaiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
  }

  markDirty(): void {
    if (this.dirty) return;
    this.dirty = true;
    this.context.flushQueue.add(this);
  }

  /** Tells all observers; called by the flush queue only. */
  notify(nowMs: number): void {
    this.dirty = false;
    const { observers } = this;
    for (let index = observers.length - 1; index >= 0; index -= 1) {
      const observer = observers[index];
      if (observer !== undefined) this.tellNews(observer, nowMs);
    }
    if (this.hasNewFrames) {
      this.hasNewFrames = false;
      this.context.onNotified(this, nowMs);
    }
    if (!this.closed) return;
    this.cache.release();
    while (observers.length > 0) {
      const observer = observers.pop();
      if (observer === undefined) break;
      observer.slot = -1;
      this.tellClosed(observer, this.closeCode);
    }
  }

  /** An error in one observer is the end of what it follows, and not of the process that serves all others. */
  private tellNews(observer: TrackObserver, nowMs: number): void {
    try {
      observer.onTrackNews(nowMs);
    } catch (error) {
      this.context.observerFailed(this, error);
      this.detach(observer);
      this.tellClosed(observer, ERROR_CODES.closed);
    }
  }

  private tellClosed(observer: TrackObserver, code: ErrorCode | undefined): void {
    try {
      observer.onTrackClosed(code);
    } catch (error) {
      this.context.observerFailed(this, error);
    }
  }

  // ------------------------------------------------------------ source

  /**
   * Nothing has come from the feed yet, and this observer needs what it was not asked for. A question for the info
   * asks for the newest group, a child that changed its parent for an earlier one; whoever asks for groups that are
   * far ahead must not keep the present ones from others.
   */
  private startsElsewhere(startGroup: number | undefined): boolean {
    if (this.feedStart === undefined) return startGroup !== undefined && this.observers.length === 1;
    return startGroup === undefined || startGroup < this.feedStart;
  }

  /**
   * Children that change their parent at the same time are not all at the same group, and the first to come decides
   * where the feed begins. One that is behind has it begun again where it needs it: groups that are here already are
   * not sent again, an unfinished one is continued. Each group can cause this once.
   */
  private reachesBack(startGroup: number): boolean {
    if (this.feed?.knowsNumbers !== true) return false;
    const missing = this.cache.missingFrom(startGroup);
    if (missing === 0 || missing > MAX_REACH_BACK_GROUPS) return false;
    return this.feedStart === undefined || startGroup < this.feedStart;
  }

  /** `startGroup`: where the one who causes this wants to begin; a child that changed its parent wants no gap. */
  private ensureFeed(startGroup?: number): void {
    this.openFeedAt(this.cache.nextNeeded() ?? startGroup);
  }

  private openFeedAt(startGroup: number | undefined): void {
    if (this.feed !== undefined || this.closed || this.openFeed === undefined) return;
    this.feedStart = startGroup;
    // Where one observer wants to stop is no matter of the others.
    const feed = this.openFeed(this, { ...this.demand, startGroup: this.feedStart, endGroup: undefined });
    // A source can close the track in the same breath.
    if (this.closed) feed?.close();
    else this.feed = feed;
  }

  /** The source's session is gone or another route is better: go on from the next group needed. */
  switchFeed(): void {
    this.dropFeed();
    if (this.observers.length > 0 || this.waiters.length > 0) this.ensureFeed(this.feedStart);
  }

  /**
   * A better route, while the present one still delivers: the feed by the new one begins beside it, with the group
   * that is not complete yet, and takes over with its first group. That is continued where the old feed has got to,
   * so that nothing is missing or comes twice, and nobody waits while the new source is getting it itself.
   */
  handOver(): void {
    this.nextFeed?.close();
    this.nextFeed = undefined;
    if (this.feed === undefined || this.observers.length === 0 || this.openFeed === undefined) {
      this.switchFeed();
      return;
    }
    const startGroup = this.cache.firstUnfinished() ?? this.feedStart;
    const feed = this.openFeed(this, { ...this.demand, startGroup, endGroup: undefined });
    if (this.closed || feed === undefined) {
      feed?.close();
      return;
    }
    this.feedStart = startGroup;
    this.nextFeed = feed;
    this.handOverUntilMs = this.context.clock.nowMs() + HAND_OVER_MS;
  }

  private completeHandOver(): void {
    const { nextFeed } = this;
    if (nextFeed === undefined) return;
    this.nextFeed = undefined;
    this.dropFeed();
    this.feed = nextFeed;
  }

  /** A feed's source has ended it by itself. Unless another feed is at hand this is the end of the track. */
  feedEnded(feed: TrackFeed, code: ErrorCode | undefined): void {
    if (this.nextFeed === undefined) {
      this.close(code);
      return;
    }
    if (feed !== this.nextFeed) {
      this.completeHandOver();
      return;
    }
    // What was to take over cannot: asked for once more as the only one, whose end then counts.
    this.nextFeed = undefined;
    this.switchFeed();
  }

  private updateFeeds(): void {
    this.feed?.update(this.demand);
    this.nextFeed?.update(this.demand);
  }

  /** Lets go of the feed; unfinished groups wait for another source. */
  dropFeed(): void {
    this.nextFeed?.close();
    this.nextFeed = undefined;
    this.feed?.close();
    this.feed = undefined;
    for (const group of this.groups) if (!group.done) group.orphaned = true;
  }

  /**
   * Housekeeping: expiry, changed demand, release of the source. True if nobody has followed a pulled track for
   * `keepMs`: then its owner removes it.
   */
  tick(nowMs: number, keepMs: number): boolean {
    this.cache.expire(this.info?.maxLatencyMs ?? 0, nowMs);
    this.tickUnfinished(nowMs);
    if (this.nextFeed !== undefined && nowMs >= this.handOverUntilMs) this.completeHandOver();
    if (this.demandStale && this.observers.length > 0) this.recomputeDemand();
    const idle = this.pulled && this.observers.length === 0 && nowMs - this.idleSinceMs >= keepMs;
    return idle || (this.closed && !this.dirty);
  }

  private tickUnfinished(nowMs: number): void {
    for (const group of this.groups) {
      if (group.done || group.supersededAtMs === 0) continue;
      if (group.orphaned && nowMs - group.supersededAtMs > ORPHAN_GRACE_MS) group.abort(ERROR_CODES.old);
      // Readers that wait for its end look at their latency budget again.
      else this.markDirty();
    }
  }

  private recomputeDemand(): void {
    this.demandStale = false;
    let merged = this.observers[0]?.demand ?? NO_DEMAND;
    for (const observer of this.observers) merged = mergeDemand(merged, observer.demand);
    const { demand } = this;
    const same =
      merged.priority === demand.priority &&
      merged.ordered === demand.ordered &&
      merged.maxLatencyMs === demand.maxLatencyMs;
    if (same) return;
    this.demand = merged;
    this.updateFeeds();
  }

  /** Gives up the oldest group for the sake of others, unless it is the newest as well. */
  evictOldest(code: ErrorCode): boolean {
    return this.cache.evictOldest(code);
  }
}
