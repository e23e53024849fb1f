import { EMSG_ID3_SCHEME, encodeEmsg, encodeId3Text } from "@canopy/media/cmaf";
import { encodeTimedMessage, type TimedMessage, TimedMessageDeduplicator } from "@canopy/media/timed";
import type { RecordedEvent } from "./segment-batch.ts";

/** Messages for a media time that has not come: at 30 a second, over two minutes ahead. The newest are left out. */
const MAX_PENDING = 4_096;
/** Of the ID3 frame that holds a message. */
const ID3_DESCRIPTION = "canopy";

/** How media time and the recording's own time belong together, for one stretch. */
export interface StretchClock {
  readonly mediaStartUs: number;
  readonly baseUs: number;
}

/** The timed messages of a recording: each is given its place once the media of its moment is there. */
export class EventLine {
  readonly #seen = new TimedMessageDeduplicator();
  #pending: TimedMessage[] = [];
  #count = 0;

  /** Messages that an earlier process has recorded. */
  remember(events: Iterable<RecordedEvent>): void {
    for (const { message } of events) this.#seen.isNew(message.id);
  }

  add(message: TimedMessage): void {
    if (this.#pending.length < MAX_PENDING && this.#seen.isNew(message.id)) this.#pending.push(message);
  }

  /** Forgets what was for a moment before the recording began. */
  dropBefore(mediaUs: number): void {
    this.#pending = this.#pending.filter(({ at }) => at >= mediaUs);
  }

  /**
   * Takes the messages up to a media time, in order. Those of a moment in which there was no media come at the
   * beginning of the stretch.
   */
  takeUntil(mediaUs: number, clock: StretchClock): RecordedEvent[] {
    const due = this.#pending.filter(({ at }) => at < mediaUs);
    if (due.length === 0) return [];
    this.#pending = this.#pending.filter(({ at }) => at >= mediaUs);
    return due
      .map((message) => ({
        offsetUs: clock.baseUs + Math.max(0, message.at - clock.mediaStartUs),
        message,
      }))
      .sort((left, right) => left.offsetUs - right.offsetUs || (left.message.id < right.message.id ? -1 : 1));
  }

  /** The boxes that stand in front of a fragment, with times on the track's timeline. */
  encode(events: readonly RecordedEvent[], timescale: number): Uint8Array[] {
    return events.map(({ offsetUs, message }) =>
      encodeEmsg({
        id: ++this.#count,
        presentationTime: Math.round((offsetUs * timescale) / 1_000_000),
        timescale,
        scheme: EMSG_ID3_SCHEME,
        value: message.type,
        data: encodeId3Text(ID3_DESCRIPTION, encodeTimedMessage(message)),
      }),
    );
  }
}
