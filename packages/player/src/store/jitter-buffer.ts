import type { EncodedFrame } from "./encoded-frame.ts";

/** Worst case per track, 16 MiB: about 20 s at 6 Mbit/s. */
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;

/** 20 s of 50 fps video or of AAC. */
const MAX_BUFFER_FRAMES = 1024;

/** Groups that may be open at once; an honest peer has two or three. */
const MAX_BUFFER_GROUPS = 64;

/** How long before its due time a newer group is taken although the older one is not complete. */
const GAP_PATIENCE_US = 40_000;

/**
 * A group that lacks frames gets at least this long: after a moment in which the page could not run everything is due
 * at once, and streams are read in any order.
 */
const MIN_WAIT_US = 100_000;

/** A look that comes later after the one before counts as this much waiting: the page did not run in between. */
const MAX_WAIT_STEP_US = 25_000;

interface BufferedGroup {
  readonly sequence: number;
  /** Decode order; those before `next` are taken. */
  readonly frames: EncodedFrame[];
  next: number;
  ended: boolean;
  /** How much of the group has come again, after it was opened a second time; undefined = it comes once. */
  repeated: number | undefined;
}

export interface JitterBufferStats {
  readonly frames: number;
  readonly bytes: number;
  /** Jumps over missing or broken groups. */
  readonly gaps: number;
  /** Frames thrown away: of broken groups, late, or over the bound. */
  readonly droppedFrames: number;
}

/**
 * Frames of one track between network and decoder, in decode order: groups by sequence, frames as they came in
 * their group. Groups may arrive in any order and side by side. A group always starts with a keyframe, so that
 * going on at the start of any group is always right.
 */
export class JitterBuffer {
  readonly #groups: BufferedGroup[] = [];
  /** Sequence of the group that frames are taken from. */
  #current: number | undefined;
  /** How long decoding has waited for the next frame, and the media time of the last look. */
  #waitedUs = 0;
  #lookedUs = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #bytes = 0;
  #gaps = 0;
  #droppedFrames = 0;
  #newestUs = Number.NEGATIVE_INFINITY;

  get stats(): JitterBufferStats {
    return {
      frames: this.#frames,
      bytes: this.#bytes,
      gaps: this.#gaps,
      droppedFrames: this.#droppedFrames,
    };
  }

  get frameCount(): number {
    return this.#frames;
  }

  /** Newest presentation time that ever came in, or -Infinity. */
  get newestUs(): number {
    return this.#newestUs;
  }

  /** A frame of this group or of a newer one has come: another buffer that began here would lack the keyframe. */
  hasBegun(sequence: number): boolean {
    if (this.#current !== undefined && sequence < this.#current) return true;
    return this.#groups.some((group) => group.sequence >= sequence && group.frames.length > 0);
  }

  /** A group begins; or, over another session, begins again: what is known of it is then passed over. */
  openGroup(sequence: number): void {
    const known = this.#find(sequence);
    if (known === undefined) {
      this.#group(sequence);
      return;
    }
    known.repeated = 0;
    known.ended = false;
  }

  push(sequence: number, frame: EncodedFrame): void {
    const group = this.#group(sequence);
    if (group === undefined) {
      this.#droppedFrames += 1;
      return;
    }
    if (this.#isRepeated(group, frame)) return;
    group.frames.push(frame);
    this.#frames += 1;
    this.#bytes += frame.payload.byteLength;
    if (frame.timestampUs > this.#newestUs) this.#newestUs = frame.timestampUs;
    this.#keepBounds();
  }

  /** All frames of the group have come. */
  endGroup(sequence: number): void {
    const group = this.#find(sequence);
    if (group !== undefined) group.ended = true;
  }

  /** The rest of the group will not come. What came of it stays of use. */
  abortGroup(sequence: number): void {
    this.endGroup(sequence);
  }

  /**
   * The next frame to decode, or undefined: wait. `mediaUs` is the media time now presented; when a newer group
   * is about to be due, an older one that lacks frames is given up, after `minWaitUs` at the least.
   */
  peek(mediaUs: number, minWaitUs = MIN_WAIT_US): EncodedFrame | undefined {
    for (;;) {
      const group = this.#groups[0];
      if (group === undefined) return undefined;
      if (this.#current === undefined) this.#current = group.sequence;
      if (group.sequence === this.#current) {
        const frame = group.frames[group.next];
        if (frame !== undefined) {
          this.#waitedUs = 0;
          return frame;
        }
        if (group.ended) {
          this.#remove(0);
          this.#current += 1;
          continue;
        }
        if (this.#isWorthWaiting(mediaUs, minWaitUs, 1)) return undefined;
        this.#gaps += 1;
        this.#remove(0);
        this.#current = this.#groups[0]?.sequence;
        continue;
      }
      // The group that should follow has not come; a newer one has.
      if (this.#isWorthWaiting(mediaUs, minWaitUs, 0)) return undefined;
      this.#gaps += 1;
      this.#current = group.sequence;
    }
  }

  /** Whether the place before the group at `index` may still be filled in time. */
  #isWorthWaiting(mediaUs: number, minWaitUs: number, index: number): boolean {
    this.#waitedUs += Math.max(0, Math.min(mediaUs - this.#lookedUs, MAX_WAIT_STEP_US));
    this.#lookedUs = mediaUs;
    return !this.#nextIsDue(mediaUs, index) || this.#waitedUs < minWaitUs;
  }

  /** Takes the frame that `peek` gave. */
  take(): EncodedFrame | undefined {
    const group = this.#groups[0];
    const frame = group?.frames[group.next];
    if (group === undefined || frame === undefined) return undefined;
    group.next += 1;
    this.#frames -= 1;
    this.#bytes -= frame.payload.byteLength;
    return frame;
  }

  /**
   * Moves to the newest group whose first frame is due at `mediaUs`, if that is a newer one than the current.
   * True if frames were skipped: the decoder then starts anew at a keyframe.
   */
  skipTo(mediaUs: number): boolean {
    let target = -1;
    for (let index = 1; index < this.#groups.length; index += 1) {
      const first = this.#groups[index]?.frames[0];
      if (first !== undefined && first.timestampUs <= mediaUs) target = index;
    }
    return target > 0 && this.#skipToIndex(target);
  }

  /** Moves to the newest group that holds a frame, whatever its time. True if frames were skipped. */
  skipToNewest(): boolean {
    for (let index = this.#groups.length - 1; index > 0; index -= 1) {
      if ((this.#groups[index]?.frames.length ?? 0) > 0) return this.#skipToIndex(index);
    }
    return false;
  }

  clear(): void {
    while (this.#groups.length > 0) this.#drop(0);
    this.#current = undefined;
    this.#waitedUs = 0;
    this.#newestUs = Number.NEGATIVE_INFINITY;
  }

  #skipToIndex(target: number): boolean {
    let skipped = false;
    for (let index = 0; index < target; index += 1) skipped = this.#drop(0) || skipped;
    this.#current = this.#groups[0]?.sequence;
    return skipped;
  }

  #isRepeated(group: BufferedGroup, frame: EncodedFrame): boolean {
    if (group.repeated === undefined) return false;
    const known = group.frames[group.repeated];
    if (known?.timestampUs === frame.timestampUs) {
      group.repeated += 1;
      return true;
    }
    group.repeated = undefined;
    return false;
  }

  #nextIsDue(mediaUs: number, index: number): boolean {
    const first = this.#groups[index]?.frames[0];
    return first !== undefined && first.timestampUs <= mediaUs + GAP_PATIENCE_US;
  }

  #find(sequence: number): BufferedGroup | undefined {
    return this.#groups.find((group) => group.sequence === sequence);
  }

  #group(sequence: number): BufferedGroup | undefined {
    if (this.#current !== undefined && sequence < this.#current) return undefined;
    const found = this.#find(sequence);
    if (found !== undefined) return found;
    const group: BufferedGroup = { sequence, frames: [], next: 0, ended: false, repeated: undefined };
    let index = this.#groups.length;
    while (index > 0 && (this.#groups[index - 1]?.sequence ?? 0) > sequence) index -= 1;
    this.#groups.splice(index, 0, group);
    if (this.#groups.length > MAX_BUFFER_GROUPS) this.#dropOldest();
    return this.#find(sequence);
  }

  /** Overflow policy: the oldest group goes; when it is the only one, all that is buffered of it. */
  #keepBounds(): void {
    while (this.#groups.length > 1 && this.#isOverfull()) this.#dropOldest();
    const only = this.#groups[0];
    if (only === undefined || !this.#isOverfull()) return;
    // Without its start the rest of a group cannot be decoded, so it waits for the next one.
    this.#dropOldest();
    this.#current = only.sequence + 1;
  }

  #isOverfull(): boolean {
    return this.#frames > MAX_BUFFER_FRAMES || this.#bytes > MAX_BUFFER_BYTES;
  }

  #dropOldest(): void {
    this.#gaps += 1;
    this.#drop(0);
    this.#current = this.#groups[0]?.sequence;
  }

  /** Removes a group with what was not taken of it; true if that was something. */
  #drop(index: number): boolean {
    const group = this.#groups[index];
    if (group === undefined) return false;
    const lost = group.frames.length - group.next;
    this.#droppedFrames += lost;
    this.#remove(index);
    return lost > 0 || !group.ended;
  }

  #remove(index: number): void {
    const [group] = this.#groups.splice(index, 1);
    if (group === undefined) return;
    for (let i = group.next; i < group.frames.length; i += 1) {
      this.#frames -= 1;
      this.#bytes -= group.frames[i]?.payload.byteLength ?? 0;
    }
  }
}
