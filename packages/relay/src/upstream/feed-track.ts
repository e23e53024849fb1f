import {
  ERROR_CODES,
  type ErrorCode,
  type IncomingGroup,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionListener,
  type TrackInfo,
  type WireFrame,
} from "@canopy/protocol";
import type { TrackFeed } from "../store/route.ts";
import type { Track } from "../store/track.ts";
import { GroupReceiver, type GroupReceiverOwner } from "./receive-group.ts";
import type { UpstreamCounters } from "./upstream-counters.ts";

export interface UpstreamFeedOptions {
  /**
   * Number groups here instead of taking the source's numbers: a publisher counts from 0 again when he comes back,
   * but what viewers are sent must go on above what they have.
   */
  readonly renumber: boolean;
  /** Milliseconds of the Unix epoch; the first number of a renumbered track. */
  readonly nowMs: () => number;
  readonly counters: UpstreamCounters;
  readonly onOver: (feed: UpstreamFeed) => void;
}

/** The one subscription of this node to a track of its source, whatever the number of its own subscribers. */
export class UpstreamFeed implements TrackFeed, SubscriptionListener, GroupReceiverOwner {
  subscription: Subscription | undefined;
  private readonly track: Track;
  private readonly options: UpstreamFeedOptions;
  private readonly receivers = new Set<GroupReceiver>();
  /** Added to the source's group numbers; undefined until the first group of a renumbered track. */
  private offset: number | undefined;
  private released = false;
  private closed = false;

  constructor(track: Track, options: UpstreamFeedOptions) {
    this.track = track;
    this.options = options;
    this.offset = options.renumber ? undefined : 0;
    options.counters.subscriptions += 1;
  }

  get knowsNumbers(): boolean {
    return !this.options.renumber;
  }

  onInfo(info: TrackInfo): void {
    if (this.closed || this.track.setInfo(info)) return;
    // Another unit of time than before: its frames cannot continue this track.
    this.track.close(ERROR_CODES.timestampMismatch);
  }

  onGroup(incoming: IncomingGroup): void {
    const group = this.closed
      ? undefined
      : this.track.receiveGroup(this.localSequence(incoming.sequence), this);
    if (group === undefined) {
      this.options.counters.groupsRefused += 1;
      incoming.stop(ERROR_CODES.old);
      return;
    }
    if (group.frames.length > 0) this.options.counters.groupsResumed += 1;
    this.receivers.add(new GroupReceiver(incoming, group, this));
  }

  /** A whole group in a datagram. */
  onDatagram(sequence: number, frame: WireFrame): void {
    const group = this.closed ? undefined : this.track.receiveGroup(this.localSequence(sequence), this);
    if (group === undefined) return;
    group.appendFrame(frame);
    group.finish();
  }

  private localSequence(sequence: number): number {
    if (this.offset === undefined) {
      const { latest } = this.track;
      const first = latest === undefined ? Math.floor(this.options.nowMs()) : latest.sequence + 1;
      this.offset = first - sequence;
    }
    return sequence + this.offset;
  }

  onDropped(_start: number, _end: number, _code: ErrorCode): void {
    // Viewers notice by the next group's number; nothing is waiting for these.
  }

  onClosed(code: ErrorCode | undefined): void {
    if (this.closed) return;
    this.release();
    // The protocol session has waited for the streams of the last groups.
    this.closed = true;
    this.track.feedEnded(this, code);
  }

  onGroupOver(receiver: GroupReceiver): void {
    this.receivers.delete(receiver);
  }

  onConflict(): void {
    this.options.counters.groupsConflicting += 1;
  }

  update(demand: SubscribeOptions): void {
    const { priority, ordered, maxLatencyMs } = demand;
    this.subscription?.update({ priority, ordered, maxLatencyMs });
  }

  /** The track does not want it any more, or another source takes over. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { subscription } = this;
    this.release();
    for (const receiver of [...this.receivers]) receiver.stop(ERROR_CODES.cancel);
    subscription?.close();
  }

  private release(): void {
    if (this.released) return;
    this.released = true;
    this.subscription = undefined;
    this.options.counters.subscriptions -= 1;
    this.options.onOver(this);
  }
}
