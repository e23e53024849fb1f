import { ERROR_CODES, type ErrorCode, encodeFrame, type WireFrame } from "@canopy/protocol";
import type { Track } from "./track.ts";

/**
 * A run of frames that starts at a join point. Its frames are shared by all subscribers: a subscriber holds
 * (group, index of its next frame) and reads `frames` in place.
 */
export class Group {
  readonly track: Track;
  readonly sequence: number;
  readonly openedAtMs: number;
  /** Counts the groups of the track in the order in which they appeared here, from 1. */
  readonly arrival: number;
  /** Only grows, by `append`; read it in place. */
  readonly frames: WireFrame[] = [];
  /** Bytes of all frames as they stand in the cache. */
  bytes = 0;
  /** All frames are here. */
  finished = false;
  /** Given up: whoever is still reading gives it up, too. A group that left the cache has a code as well. */
  abortCode: ErrorCode | undefined;
  /** When a newer group appeared, ms; 0 while this is the newest. */
  supersededAtMs = 0;
  /** Its source is gone; another source may go on where it stopped. */
  orphaned = false;
  /** No longer in the cache. */
  evicted = false;

  constructor(track: Track, sequence: number, arrival: number, nowMs: number) {
    this.track = track;
    this.sequence = sequence;
    this.arrival = arrival;
    this.openedAtMs = nowMs;
  }

  /** No more frames will be added. */
  get done(): boolean {
    return this.finished || this.abortCode !== undefined;
  }

  /** Takes ownership of `payload`. Returns false if the group is over (then the frame is dropped). */
  append(timestampUs: number, payload: Uint8Array): boolean {
    if (this.done) return false;
    const previous = this.frames[this.frames.length - 1];
    return this.appendFrame(
      encodeFrame(timestampUs, previous === undefined ? 0 : previous.timestamp, payload),
    );
  }

  /** Adds a frame that is encoded already, relative to the frame before it in this group. */
  appendFrame(frame: WireFrame): boolean {
    if (this.done) return false;
    if (!this.track.admit(this, frame)) {
      this.abort(ERROR_CODES.boundsExceeded);
      return false;
    }
    this.frames.push(frame);
    this.bytes += frame.wire.byteLength;
    this.track.onFrameAppended(frame);
    return true;
  }

  finish(): void {
    if (this.done) return;
    this.finished = true;
    this.orphaned = false;
    this.track.markDirty();
  }

  abort(code: ErrorCode): void {
    if (this.done) return;
    this.abortCode = code;
    this.orphaned = false;
    this.track.markDirty();
  }

  /** The cache lets go of it: also a complete group is over then for readers that have not got through. */
  evict(code: ErrorCode): void {
    this.evicted = true;
    this.abortCode ??= code;
    this.orphaned = false;
    this.track.markDirty();
  }
}
