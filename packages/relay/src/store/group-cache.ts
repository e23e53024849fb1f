import { ERROR_CODES, type ErrorCode, type WireFrame } from "@canopy/protocol";
import { Group } from "./group.ts";
import type { StoreContext } from "./store-context.ts";
import type { Track } from "./track.ts";

/** Groups that are not the newest stay at least this long, so that a new source finds what the last one left open. */
const MIN_KEEP_MS = 1_000;

/** What follows a group must have a number that can be told, too: where to go on, and one past the last group. */
const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER - 2;

/** The cached groups of one track, bounded in number, bytes and time; the newest group never leaves. */
export class GroupCache {
  /** In order of sequence; the last is the newest. */
  readonly groups: Group[] = [];
  bytes = 0;
  /** `arrival` of the group that appeared last. */
  arrivals = 0;
  private readonly context: StoreContext;
  /** Highest sequence that has left: such groups are not taken again. */
  private evictedUpTo = -1;

  constructor(context: StoreContext) {
    this.context = context;
  }

  get latest(): Group | undefined {
    return this.groups[this.groups.length - 1];
  }

  /** The number for a group that a publisher at this node starts (see `Track.openGroup`). */
  nextSequence(nowMs: number): number {
    const { latest } = this;
    return latest === undefined ? Math.max(this.evictedUpTo + 1, Math.floor(nowMs)) : latest.sequence + 1;
  }

  /** First group that a new source should send: the oldest unfinished one, else the one after the newest. */
  nextNeeded(): number | undefined {
    for (const group of this.groups) if (group.orphaned) return group.sequence;
    const { latest } = this;
    return latest === undefined ? undefined : latest.sequence + 1;
  }

  /** First group that a source which takes over from one that still delivers should send. */
  firstUnfinished(): number | undefined {
    for (const group of this.groups) if (!group.done) return group.sequence;
    const { latest } = this;
    return latest === undefined ? undefined : latest.sequence + 1;
  }

  /** Groups before the first one here that a source could still bring; 0 if `sequence` is not one of them. */
  missingFrom(sequence: number): number {
    const first = this.groups[0];
    if (first === undefined || sequence <= this.evictedUpTo) return 0;
    return Math.max(0, first.sequence - sequence);
  }

  /** A new group in its place, an orphaned one to be continued, or undefined if it is not wanted (any more). */
  receive(track: Track, sequence: number, nowMs: number): Group | undefined {
    const { groups } = this;
    if (sequence <= this.evictedUpTo || sequence > MAX_SEQUENCE) return undefined;
    let place = groups.length;
    while (place > 0 && (groups[place - 1]?.sequence ?? 0) > sequence) place -= 1;
    const existing = groups[place - 1];
    if (existing !== undefined && existing.sequence === sequence) {
      if (!existing.orphaned) return undefined;
      existing.orphaned = false;
      return existing;
    }
    this.arrivals += 1;
    const group = new Group(track, sequence, this.arrivals, nowMs);
    if (place === groups.length) {
      if (existing !== undefined) existing.supersededAtMs = nowMs;
      groups.push(group);
    } else {
      group.supersededAtMs = nowMs;
      groups.splice(place, 0, group);
    }
    while (groups.length > this.context.limits.maxGroupsPerTrack) this.evictOldest(ERROR_CODES.evicted);
    return group;
  }

  /** Makes room for one more frame of `group`; false if the limits forbid it. */
  admit(group: Group, frame: WireFrame): boolean {
    const { limits } = this.context;
    const size = frame.wire.byteLength;
    if (size > limits.maxFrameBytes || group.bytes + size > limits.maxGroupBytes) return false;
    if (group.frames.length >= limits.maxFramesPerGroup) return false;
    while (this.bytes + size > limits.maxTrackBytes && this.evictOldest(ERROR_CODES.evicted)) {
      // Until the frame fits, or only the newest group is left.
    }
    if (this.bytes + size > limits.maxTrackBytes || !this.context.makeRoom(size)) return false;
    // Evicting can have hit the very group that is being filled, if a newer one is there.
    return !group.done;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    this.context.addCacheBytes(bytes);
  }

  /** Groups that are not the newest leave after the track's cache time. */
  expire(keepMs: number, nowMs: number): void {
    const limitMs = Math.max(Math.min(keepMs, this.context.limits.maxCacheMs), MIN_KEEP_MS);
    for (;;) {
      const oldest = this.groups[0];
      if (oldest === undefined || oldest.supersededAtMs === 0) return;
      if (nowMs - oldest.supersededAtMs <= limitMs || !this.evictOldest(ERROR_CODES.old)) return;
    }
  }

  /** Removes the oldest group, unless it is the newest as well. */
  evictOldest(code: ErrorCode): boolean {
    return this.groups.length > 1 && this.evict(code);
  }

  private evict(code: ErrorCode): boolean {
    const group = this.groups.shift();
    if (group === undefined) return false;
    const { counters } = this.context;
    if (code === ERROR_CODES.old) counters.groupsExpired += 1;
    else counters.groupsEvicted += 1;
    this.evictedUpTo = Math.max(this.evictedUpTo, group.sequence);
    group.evict(code);
    this.add(-group.bytes);
    return true;
  }

  /** Forgets everything, the newest group as well, as if the track were new. Only while nobody follows it. */
  clear(): void {
    while (this.evict(ERROR_CODES.old)) {
      // One after the other, oldest first.
    }
    // Nobody has any group now, so none can come twice.
    this.evictedUpTo = -1;
  }

  /** The track is over: its groups are left to those who still read them, and count no more. */
  release(): void {
    this.context.addCacheBytes(-this.bytes);
    this.bytes = 0;
    this.groups.length = 0;
  }
}
