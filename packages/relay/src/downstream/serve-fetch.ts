import {
  ERROR_CODES,
  type ErrorCode,
  type FetchResponder,
  type SubscribeOptions,
  type TrackInfo,
  type WireGroupHandler,
} from "@canopy/protocol";
import type { Group } from "../store/group.ts";
import type { Track, TrackObserver } from "../store/track.ts";
import { NO_DEMAND } from "../store/track-demand.ts";

/** Sends one cached group to a peer that asked for it; follows the group if it is still growing. */
export class ServedFetch implements TrackObserver, WireGroupHandler {
  slot = -1;
  readonly demand: SubscribeOptions = NO_DEMAND;
  private readonly responder: FetchResponder;
  private readonly track: Track;
  private readonly group: Group;
  private readonly onDone: (fetch: ServedFetch) => void;
  private next = 0;
  private blocked = false;
  private done = false;

  constructor(responder: FetchResponder, track: Track, group: Group, onDone: (fetch: ServedFetch) => void) {
    this.responder = responder;
    this.track = track;
    this.group = group;
    this.onDone = onDone;
  }

  start(): void {
    this.responder.handler = this;
    this.track.attach(this);
    this.onTrackNews();
  }

  onTrackInfo(_info: TrackInfo): void {}

  onTrackNews(): void {
    const { frames } = this.group;
    while (!this.done && !this.blocked && this.next < frames.length) {
      const frame = frames[this.next];
      this.next += 1;
      if (frame !== undefined) this.blocked = !this.responder.writeFrame(frame);
    }
    if (this.done) return;
    if (this.next < frames.length) {
      // Whoever does not read must not keep the frames of a group that the cache has let go of.
      if (this.group.evicted) this.fail(this.group.abortCode ?? ERROR_CODES.evicted);
      return;
    }
    if (this.group.finished) {
      this.close();
      this.responder.finish();
    } else if (this.group.abortCode !== undefined) {
      this.fail(this.group.abortCode);
    }
  }

  onTrackClosed(code: ErrorCode | undefined): void {
    // Not complete, or more than the peer takes: nobody keeps the frames for it from now on.
    this.fail(code ?? ERROR_CODES.closed);
  }

  onDrain(): void {
    this.blocked = false;
    this.onTrackNews();
  }

  onStop(_code: ErrorCode): void {
    this.close();
  }

  private fail(code: ErrorCode): void {
    if (this.done) return;
    this.close();
    this.responder.reject(code);
  }

  /** Stops without a word to the peer. Idempotent. */
  close(): void {
    if (this.done) return;
    this.done = true;
    this.track.detach(this);
    this.onDone(this);
  }
}
