import { insertSei } from "@canopy/media/h264";
import { type ReadTimedMessage, type TimedMessage, TimedMessageDeduplicator } from "@canopy/media/timed";
import type { Track } from "@canopy/relay";
import { RateWindow } from "./rate-window.ts";
import type { TimedLimits } from "./timed-limits.ts";
import {
  type MediaPosition,
  type TimedRequest,
  TimedScheduler,
  type TimedSchedulerDeps,
} from "./timed-scheduler.ts";

/** Names as in the metric `canopy_timed_messages_total{kind}`. */
export type TimedKind = "accepted" | "embedded" | "track" | "passed" | "rejected";

export interface TimedLaneDeps extends TimedSchedulerDeps {
  /** The broadcast's `timed` track. */
  readonly track: Track;
  count(kind: TimedKind): void;
}

/** A time of the publisher that is further than this from its frame was not measured on our clock. */
const MAX_PUBLISHER_SKEW_US = 10_000_000;

/** Both ways of a broadcast's timed messages: the `timed` track and the SEI of its video (design D7). */
export class TimedLane {
  readonly #deps: TimedLaneDeps;
  readonly #scheduler: TimedScheduler;
  readonly #seen = new TimedMessageDeduplicator();
  /** Bounds what a publisher's own messages may put on the track. */
  readonly #publisherRate: RateWindow;

  constructor(limits: TimedLimits, deps: TimedLaneDeps) {
    this.#deps = deps;
    this.#publisherRate = new RateWindow(limits.maxMessagesPerSecond, limits.maxBytesPerSecond);
    this.#scheduler = new TimedScheduler(limits, deps);
  }

  /** Messages that wait for their frame. */
  get pending(): number {
    return this.#scheduler.pending;
  }

  /**
   * Takes a message and puts it on the track at once, so that receivers have it before its frame.
   * @throws OriginError as `TimedScheduler.accept`
   */
  post(request: TimedRequest, position: MediaPosition): TimedMessage {
    try {
      const { message, bytes } = this.#scheduler.accept(request, position);
      this.#seen.isNew(message.id);
      this.#deps.count("accepted");
      this.#write(message.at, bytes);
      return message;
    } catch (error) {
      this.#deps.count("rejected");
      throw error;
    }
  }

  /**
   * The access unit with the SEI that is due; the unit itself if none is. Once per unit, in decoding order.
   * @param rendition counts from 0
   */
  embed(rendition: number, timestampUs: number, annexB: Uint8Array): Uint8Array {
    const units = this.#scheduler.take(timestampUs, rendition);
    if (units.length === 0) return annexB;
    for (let index = 0; index < units.length; index++) this.#deps.count("embedded");
    return insertSei(annexB, units);
  }

  /** A message that the publisher had put into a frame of its own: the track gets it, too, once. */
  pass(read: ReadTimedMessage, frameTimestampUs: number, nowMs: number): void {
    const { message, bytes } = read;
    if (!this.#seen.isNew(message.id)) return;
    if (this.#publisherRate.take(nowMs, bytes.length) !== undefined) {
      this.#deps.count("rejected");
      return;
    }
    this.#deps.count("passed");
    const onOurClock = Math.abs(message.at - frameTimestampUs) <= MAX_PUBLISHER_SKEW_US;
    this.#write(onOurClock ? message.at : frameTimestampUs, new Uint8Array(bytes));
  }

  /** One group per message; its MoQ timestamp is the message's media time. */
  #write(timestampUs: number, bytes: Uint8Array): void {
    const { track } = this.#deps;
    if (track.closed) return;
    const group = track.openGroup();
    group.append(timestampUs, bytes);
    group.finish();
    this.#deps.count("track");
  }
}
