import type {
  ErrorCode,
  OutgoingGroup,
  SubscribeOptions,
  SubscribeResponder,
  SubscribeResponderHandler,
  TrackInfo,
} from "@canopy/protocol";
import type { Group } from "../store/group.ts";
import { startingSequence } from "../store/starting-sequence.ts";
import type { Track, TrackObserver } from "../store/track.ts";
import { type DownstreamCounters, type DropReason, frameKindOf } from "./downstream-counters.ts";
import type { DownstreamOptions } from "./downstream-options.ts";
import { DROP_CODE, GroupCursor, type GroupCursorOwner } from "./group-cursor.ts";
import { groupPriority } from "./group-priority.ts";

/** What a subscription needs from its session. */
export interface SubscriptionOwner {
  readonly options: DownstreamOptions;
  readonly counters: DownstreamCounters;
  nowMs(): number;
  /** Unsent bytes of all subscriptions of the session. */
  bufferedBytes(): number;
  /** A stream is over its high-water mark: see whether the session's hard bound is passed. */
  onBlocked(): void;
  forget(subscription: ServedSubscription): void;
}

/** Groups that appeared since the last look, newest first; shared by all subscriptions, used within one call. */
const newGroups: Group[] = [];

/**
 * Serves one track to one peer: a cursor per group in flight, the newest group first. What a slow peer costs is his
 * own groups only (design D11): an older group is given up when a newer one is there and either the peer's latency
 * budget is used up or his connection is backlogged.
 */
export class ServedSubscription implements SubscribeResponderHandler, TrackObserver, GroupCursorOwner {
  slot = -1;
  demand: SubscribeOptions;
  private readonly responder: SubscribeResponder;
  readonly track: Track;
  private readonly owner: SubscriptionOwner;
  private readonly kind: number;
  /** Groups in flight, ascending by sequence; rarely more than two. */
  private readonly cursors: GroupCursor[] = [];
  /** First group that this subscription takes. */
  private floor = 0;
  /** `Track.arrivals` at the last look. */
  private seenArrivals = 0;
  private lastSequence: number | undefined;
  private accepted = false;
  private ending = false;
  private closed = false;
  private pumping = false;

  constructor(responder: SubscribeResponder, track: Track, owner: SubscriptionOwner) {
    this.responder = responder;
    this.track = track;
    this.owner = owner;
    this.demand = responder.options;
    this.kind = frameKindOf(track.name);
    owner.counters.subscriptions += 1;
  }

  /** Begins: what is cached of the wanted groups is sent at once, not with the next flush. */
  start(): void {
    this.responder.handler = this;
    this.track.attach(this);
    this.floor = this.demand.startGroup ?? startingSequence(this.track);
    if (this.track.info === undefined) return;
    this.accept(this.track.info);
    if (!this.closed) this.onTrackNews(this.owner.nowMs());
  }

  /** As for streams: who asks for 0 gets the track's own. */
  get priority(): number {
    const { priority } = this.demand;
    return priority === 0 ? (this.track.info?.priority ?? 0) : priority;
  }

  // ------------------------------------------------------------ the track's side

  onTrackInfo(info: TrackInfo): void {
    this.accept(info);
  }

  private accept(info: TrackInfo): void {
    if (this.accepted) return;
    this.accepted = true;
    this.responder.accept(info);
  }

  /** Hot path: once per flush and viewer. */
  onTrackNews(nowMs: number): void {
    if (!this.accepted || this.closed) return;
    if (this.track.arrivals !== this.seenArrivals) this.startNewGroups(nowMs);
    const { cursors } = this;
    this.pumping = true;
    for (let index = cursors.length - 1; index >= 0; index -= 1) {
      const cursor = cursors[index];
      if (cursor?.pump()) this.removeAt(index);
    }
    this.pumping = false;
    if (cursors.length > 1) this.dropLate(nowMs);
  }

  onTrackClosed(code: ErrorCode | undefined): void {
    if (this.closed) return;
    if (code !== undefined || !this.accepted) {
      this.close();
      this.responder.reject(code ?? DROP_CODE);
      return;
    }
    // The transport may still hold frames of the last groups: their streams end by themselves.
    this.ending = true;
    this.endIfDone();
  }

  // ------------------------------------------------------------ groups

  private startNewGroups(nowMs: number): void {
    const { groups, arrivals } = this.track;
    const { endGroup } = this.demand;
    newGroups.length = 0;
    let missing = arrivals - this.seenArrivals;
    for (let index = groups.length - 1; index >= 0 && missing > 0; index -= 1) {
      const group = groups[index];
      if (group === undefined || group.sequence < this.floor) break;
      if (group.arrival <= this.seenArrivals) continue;
      missing -= 1;
      if (endGroup === undefined || group.sequence <= endGroup) newGroups.push(group);
    }
    this.seenArrivals = arrivals;
    // Pumping goes from the last cursor to the first, so the newest is written first.
    for (let index = newGroups.length - 1; index >= 0; index -= 1) {
      const group = newGroups[index];
      if (group !== undefined && group.abortCode === undefined) this.addCursor(group, nowMs);
    }
    newGroups.length = 0;
    if (this.cursors.length > 1) this.lowerOlder();
  }

  private addCursor(group: Group, nowMs: number): void {
    const { cursors } = this;
    let place = cursors.length;
    while (place > 0 && (cursors[place - 1]?.group.sequence ?? 0) > group.sequence) place -= 1;
    // After a change of bounds groups are looked at again that are still on their way.
    if (cursors[place - 1]?.group === group) return;
    const cursor = new GroupCursor(group, this, nowMs);
    if (place === cursors.length) cursors.push(cursor);
    else cursors.splice(place, 0, cursor);
    if (cursors.length > this.owner.options.maxOpenGroups) {
      const oldest = cursors[0];
      if (oldest !== undefined) this.drop(oldest, oldest.out === undefined ? "streams" : "backlog");
      cursors.shift();
    }
  }

  private lowerOlder(): void {
    const { cursors } = this;
    for (let index = 0; index < cursors.length; index += 1) {
      const cursor = cursors[index];
      cursor?.out?.setPriority(this.priorityOf(cursor));
    }
  }

  private priorityOf(cursor: GroupCursor): number {
    const { demand, track } = this;
    return groupPriority(
      demand.priority,
      track.info?.priority ?? 0,
      demand.ordered,
      cursor.group.supersededAtMs === 0,
    );
  }

  /** Gives up groups that a newer one has overtaken for too long. */
  private dropLate(nowMs: number): void {
    const { cursors, owner } = this;
    const budgetMs = Math.max(this.demand.maxLatencyMs, owner.options.graceMs);
    let backlogged: boolean | undefined;
    for (let index = cursors.length - 1; index >= 0; index -= 1) {
      const cursor = cursors[index];
      if (cursor === undefined || cursor.group.supersededAtMs === 0) continue;
      const sinceMs = Math.max(cursor.group.supersededAtMs, cursor.startedAtMs);
      if (nowMs - sinceMs > budgetMs) {
        if (cursor.incomplete) this.drop(cursor, cursor.out === undefined ? "streams" : "late");
        this.removeAt(index);
        continue;
      }
      if (!cursor.blocked) continue;
      // Adding up the session's bytes is worth it only for a group that is held up.
      backlogged ??= owner.bufferedBytes() > owner.options.backlogBytes;
      if (!backlogged) continue;
      this.drop(cursor, "backlog");
      this.removeAt(index);
    }
  }

  private drop(cursor: GroupCursor, reason: DropReason): void {
    const { sequence } = cursor.group;
    const opened = cursor.out !== undefined;
    cursor.abort(DROP_CODE);
    this.owner.counters.groupsDropped[reason] += 1;
    // A reset stream tells the peer by itself; of a group without a stream he would never hear.
    if (!opened) this.responder.drop(sequence, sequence, DROP_CODE);
  }

  private removeAt(index: number): void {
    const { cursors } = this;
    const cursor = cursors[index];
    if (cursor === undefined) return;
    if (index === cursors.length - 1) cursors.pop();
    else cursors.splice(index, 1);
    if (cursor.group.evicted && !cursor.finished && !cursor.stopped) {
      this.owner.counters.groupsDropped.evicted += 1;
    }
  }

  // ------------------------------------------------------------ for the cursors

  openGroup(cursor: GroupCursor): OutgoingGroup | undefined {
    const { sequence } = cursor.group;
    const out = this.responder.openGroup(sequence, this.priorityOf(cursor));
    if (out !== undefined && (this.lastSequence === undefined || sequence > this.lastSequence)) {
      this.lastSequence = sequence;
    }
    return out;
  }

  onFramesSent(count: number): void {
    const sent = this.owner.counters.framesSent;
    sent[this.kind] = (sent[this.kind] ?? 0) + count;
  }

  onBlocked(): void {
    this.owner.onBlocked();
  }

  onCursorNews(cursor: GroupCursor): void {
    if (this.closed || this.pumping) return;
    if (!cursor.pump()) return;
    const index = this.cursors.indexOf(cursor);
    if (index >= 0) this.removeAt(index);
    this.endIfDone();
  }

  // ------------------------------------------------------------ the peer's side

  onUpdate(options: SubscribeOptions): void {
    const { demand } = this;
    this.demand = options;
    this.track.demandChanged();
    if (options.startGroup !== undefined) this.floor = Math.max(this.floor, options.startGroup);
    if (options.endGroup !== demand.endGroup) {
      // Groups that the old bound held back are new again; those that were sent are below the floor.
      if (this.lastSequence !== undefined) this.floor = Math.max(this.floor, this.lastSequence + 1);
      this.seenArrivals = 0;
    }
    this.lowerOlder();
    this.onTrackNews(this.owner.nowMs());
  }

  onStreamsAvailable(): void {
    if (!this.closed) this.onTrackNews(this.owner.nowMs());
  }

  onClosed(): void {
    this.close();
  }

  // ------------------------------------------------------------ for the session

  /** Unsent bytes of this subscription's groups. */
  bufferedBytes(): number {
    let bytes = 0;
    for (const cursor of this.cursors) bytes += cursor.bufferedBytes;
    return bytes;
  }

  /** Some times a second: what only time decides. */
  tick(nowMs: number): void {
    const { cursors } = this;
    if (cursors.length === 0) return;
    for (let index = cursors.length - 1; index >= 0; index -= 1) {
      const cursor = cursors[index];
      if (cursor?.finished && cursor.bufferedBytes === 0) this.removeAt(index);
    }
    if (cursors.length > 0) this.dropLate(nowMs);
    this.endIfDone();
  }

  /** The session's memory bound is passed: gives up everything that is held up. */
  shed(): void {
    const { cursors } = this;
    for (let index = cursors.length - 1; index >= 0; index -= 1) {
      const cursor = cursors[index];
      if (cursor === undefined || cursor.bufferedBytes === 0) continue;
      this.drop(cursor, "backlog");
      this.removeAt(index);
    }
  }

  private endIfDone(): void {
    if (!this.ending || this.closed || this.cursors.some((cursor) => !cursor.finished)) return;
    this.close();
    this.responder.end(this.lastSequence);
  }

  /** Stops without a word to the peer. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.track.detach(this);
    this.cursors.length = 0;
    this.owner.counters.subscriptions -= 1;
    this.owner.forget(this);
  }
}
