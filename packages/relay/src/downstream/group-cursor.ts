import { ERROR_CODES, type ErrorCode, type OutgoingGroup, type WireGroupHandler } from "@canopy/protocol";
import type { Group } from "../store/group.ts";

/** What a cursor needs from its subscription. */
export interface GroupCursorOwner {
  /** Opens the group's stream; undefined while the peer's stream limit is reached. */
  openGroup(cursor: GroupCursor): OutgoingGroup | undefined;
  onFramesSent(count: number): void;
  /** `writeFrame` has returned false. */
  onBlocked(): void;
  /** There is room again, or the peer stopped the group: pump this cursor and forget it if it is over. */
  onCursorNews(cursor: GroupCursor): void;
}

/**
 * One viewer's place in one group: nothing but an index into the frames that all viewers share.
 * One small object per viewer and group; nothing per frame.
 */
export class GroupCursor implements WireGroupHandler {
  readonly group: Group;
  readonly startedAtMs: number;
  out: OutgoingGroup | undefined;
  /** The transport has asked to wait for `onDrain`. */
  blocked = false;
  /** Sent to the end; the transport may still hold bytes of it. */
  finished = false;
  /** The viewer does not want the rest. */
  stopped = false;
  private next = 0;
  private readonly owner: GroupCursorOwner;

  constructor(group: Group, owner: GroupCursorOwner, nowMs: number) {
    this.group = group;
    this.owner = owner;
    this.startedAtMs = nowMs;
  }

  get bufferedBytes(): number {
    return this.out === undefined ? 0 : this.out.bufferedBytes;
  }

  /** Writes what there is to write. Returns true if nothing is left to do for this group. Hot path. */
  pump(): boolean {
    const { group } = this;
    // Finished, but kept while the transport holds bytes: a slow viewer's old group can still be given up.
    if (this.finished) return this.bufferedBytes === 0;
    if (this.stopped) return true;
    if (group.abortCode !== undefined) {
      this.out?.abort(group.abortCode);
      return true;
    }
    if (this.blocked) return false;
    const { frames } = group;
    const end = frames.length;
    let next = this.next;
    if (next === end && !group.finished) return false;
    // The stream is opened with the first frame, so that an empty group costs none until it has something.
    const out = this.out ?? this.openStream();
    if (out === undefined) return false;
    while (next < end) {
      const frame = frames[next];
      if (frame === undefined) break;
      next += 1;
      if (!out.writeFrame(frame)) {
        this.blocked = true;
        break;
      }
    }
    if (next !== this.next) {
      this.owner.onFramesSent(next - this.next);
      this.next = next;
    }
    if (next === end && group.finished) {
      out.finish();
      this.finished = true;
      return out.bufferedBytes === 0;
    }
    if (this.blocked) this.owner.onBlocked();
    return false;
  }

  private openStream(): OutgoingGroup | undefined {
    const out = this.owner.openGroup(this);
    if (out === undefined) return undefined;
    this.out = out;
    out.handler = this;
    return out;
  }

  /** True if the viewer has not got all that the group holds or will hold. */
  get incomplete(): boolean {
    return !this.finished || this.bufferedBytes > 0;
  }

  /** Gives the rest up and drops what the transport still holds. */
  abort(code: ErrorCode): void {
    this.out?.abort(code);
    this.stopped = true;
    this.finished = false;
  }

  onDrain(): void {
    this.blocked = false;
    this.owner.onCursorNews(this);
  }

  onStop(_code: ErrorCode): void {
    this.stopped = true;
    this.finished = false;
    this.blocked = false;
    this.owner.onCursorNews(this);
  }
}

/** A group that is given up for a newer one. */
export const DROP_CODE: ErrorCode = ERROR_CODES.old;
