import type { ErrorCode, SubscribeOptions, TrackInfo, WireFrame } from "@canopy/protocol";
import type { Group } from "./group.ts";
import { startingSequence } from "./starting-sequence.ts";
import type { Track, TrackObserver } from "./track.ts";

/** A consumer inside this process. Frames come in order, one group after the other, in the flush. */
export interface TrackReader {
  onInfo?(info: TrackInfo): void;
  onGroup?(group: Group): void;
  /** `frame` belongs to the cache and is shared: read only. */
  onFrame(frame: WireFrame, group: Group): void;
  /** `complete` is false if the group was given up, or skipped because it was late. */
  onGroupEnd?(group: Group, complete: boolean): void;
  /** Called once; not after own `close()`. Undefined = orderly end. */
  onClosed(code: ErrorCode | undefined): void;
}

export interface ReadOptions extends Partial<SubscribeOptions> {
  /**
   * No group is left out because another has overtaken it: a missing one is waited for a moment, and read late if it
   * comes after that. For tracks whose groups stand alone; media of the past is not wanted.
   */
  readonly leavesNoneOut?: boolean;
}

/** A reading in progress. `close` is idempotent. */
export interface TrackReading {
  close(): void;
}

/** A reader waits this long for the rest of a group once a newer one is there, unless it asked for more. */
const LATE_GROUP_GRACE_MS = 500;

/** Streams overtake each other by some ms; a group that was lost on the way does not come at all. */
const GAP_GRACE_MS = 200;

export function readTrack(track: Track, reader: TrackReader, options?: ReadOptions): TrackReading {
  const demand = {
    priority: options?.priority ?? 0,
    ordered: options?.ordered ?? true,
    maxLatencyMs: options?.maxLatencyMs ?? 0,
    startGroup: options?.startGroup,
    endGroup: options?.endGroup,
  };
  const cursor = new TrackCursor(track, reader, demand, options?.leavesNoneOut ?? false);
  track.attach(cursor);
  cursor.begin();
  if (track.info !== undefined) reader.onInfo?.(track.info);
  // What is cached already is delivered with the next flush, like everything else.
  track.markDirty();
  return cursor;
}

class TrackCursor implements TrackObserver, TrackReading {
  slot = -1;
  readonly demand: SubscribeOptions;
  private readonly track: Track;
  private readonly reader: TrackReader;
  private group: Group | undefined;
  private nextFrame = 0;
  private nextSequence = 0;
  private closed = false;
  /** Groups of the cache that were read, when none is to be left out. */
  private readonly read: Set<number> | undefined;
  private lastRead = -1;
  private gapSinceMs: number | undefined;
  private gapTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(track: Track, reader: TrackReader, demand: SubscribeOptions, leavesNoneOut: boolean) {
    this.track = track;
    this.reader = reader;
    this.demand = demand;
    this.read = leavesNoneOut ? new Set() : undefined;
  }

  /** Chooses the first group, once attached: attaching may have emptied a cache that had grown old. */
  begin(): void {
    this.nextSequence = this.demand.startGroup ?? startingSequence(this.track);
  }

  onTrackInfo(info: TrackInfo): void {
    this.reader.onInfo?.(info);
  }

  onTrackNews(nowMs: number): void {
    while (!this.closed) {
      const group = this.group ?? this.startGroup(nowMs);
      if (group === undefined) return;
      while (this.nextFrame < group.frames.length && !this.closed) {
        const frame = group.frames[this.nextFrame];
        this.nextFrame += 1;
        if (frame !== undefined) this.reader.onFrame(frame, group);
      }
      if (this.closed || (!group.done && !this.isLate(group, nowMs))) return;
      this.group = undefined;
      if (this.read === undefined) this.nextSequence = group.sequence + 1;
      else this.remember(this.read, group);
      this.reader.onGroupEnd?.(group, group.finished);
    }
  }

  private isLate(group: Group, nowMs: number): boolean {
    if (group.supersededAtMs === 0) return false;
    return nowMs - group.supersededAtMs > Math.max(this.demand.maxLatencyMs, LATE_GROUP_GRACE_MS);
  }

  private startGroup(nowMs: number): Group | undefined {
    const group = this.chooseGroup();
    if (group === undefined || this.awaitsGap(group, nowMs)) return undefined;
    const { endGroup } = this.demand;
    if (endGroup !== undefined && group.sequence > endGroup) return undefined;
    this.group = group;
    this.nextFrame = 0;
    this.reader.onGroup?.(group);
    return group;
  }

  private chooseGroup(): Group | undefined {
    const { groups } = this.track;
    // From the newest backwards: the wanted one is nearly always the last.
    let wanted: Group | undefined;
    for (let index = groups.length - 1; index >= 0; index -= 1) {
      const group = groups[index];
      if (group === undefined || group.sequence < this.nextSequence) break;
      if (this.read?.has(group.sequence) !== true) wanted = group;
    }
    return wanted;
  }

  /** A group before this one is missing, and may still come. */
  private awaitsGap(group: Group, nowMs: number): boolean {
    if (this.read === undefined) return false;
    const isGap = this.lastRead >= 0 && group.sequence > this.lastRead + 1 && !this.track.closed;
    if (isGap && this.gapSinceMs === undefined) this.gapSinceMs = nowMs;
    const waitedMs = nowMs - (this.gapSinceMs ?? nowMs);
    // A clock that was set back says nothing of how long it has been.
    if (!isGap || waitedMs < 0 || waitedMs >= GAP_GRACE_MS) {
      this.endWait();
      return false;
    }
    // Asked again as long as it waits: the store's clock may stand still where the timer's does not.
    this.gapTimer ??= setTimeout(() => this.askAgain(), GAP_GRACE_MS - waitedMs + 1);
    return true;
  }

  private askAgain(): void {
    this.gapTimer = undefined;
    this.track.markDirty();
  }

  private endWait(): void {
    this.gapSinceMs = undefined;
    clearTimeout(this.gapTimer);
    this.gapTimer = undefined;
  }

  /** No longer than the cache holds it, so that there are as many as there may be groups. */
  private remember(read: Set<number>, group: Group): void {
    const oldest = this.track.groups[0]?.sequence ?? group.sequence;
    for (const sequence of read) {
      if (sequence >= oldest) continue;
      read.delete(sequence);
      // It must not be read again when it comes once more.
      this.nextSequence = Math.max(this.nextSequence, sequence + 1);
    }
    read.add(group.sequence);
    this.lastRead = Math.max(this.lastRead, group.sequence);
  }

  onTrackClosed(code: ErrorCode | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.endWait();
    this.reader.onClosed(code);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.endWait();
    this.track.detach(this);
  }
}
