import { EMSG_ID3_SCHEME, encodeEmsg, encodeId3Text } from "@canopy/media/cmaf";
import { encodeTimedMessage, type TimedMessage, TimedMessageDeduplicator } from "@canopy/media/timed";

/** A timed message in the forms that HLS has for it. */
export interface TimedEvent {
  readonly atUs: number;
  /** `emsg` with ID3, for the part that holds its moment. */
  readonly emsg: Uint8Array;
  /** Its id as a quoted-string may hold it. */
  readonly attributeId: string;
  /** The message as JSON in base64. */
  readonly base64: string;
}

/** Description of the TXXX frame. */
export const TIMED_ID3_DESCRIPTION = "com.canopy.timed";
const TIMESCALE = 1_000_000;
/** Date ranges stay this long in the playlists: players that reload once in a target duration see each. */
const LISTED_US = 12_000_000;
/** 30 messages a second for as long as they are listed, and as many that are still to come. */
const MAX_EVENTS = 720;

/** The timed messages of one broadcast, in order of their time. */
export class TimedEvents {
  readonly #events: TimedEvent[] = [];
  readonly #seen = new TimedMessageDeduplicator();
  /** For playlists that have been written already. */
  version = 0;
  #count = 0;

  get listed(): readonly TimedEvent[] {
    return this.#events;
  }

  /** Takes a message once; it is kept until `expire`. */
  add(message: TimedMessage): void {
    if (!this.#seen.isNew(message.id)) return;
    this.#count += 1;
    this.version += 1;
    const json = encodeTimedMessage(message);
    const event: TimedEvent = {
      atUs: message.at,
      emsg: encodeEmsg({
        id: this.#count,
        presentationTime: message.at,
        timescale: TIMESCALE,
        scheme: EMSG_ID3_SCHEME,
        data: encodeId3Text(TIMED_ID3_DESCRIPTION, json),
      }),
      attributeId: quotable(message.id),
      base64: Buffer.from(json).toString("base64"),
    };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.atUs ?? 0) > event.atUs) place -= 1;
    this.#events.splice(place, 0, event);
    if (this.#events.length > MAX_EVENTS) this.#events.shift();
  }

  /** Lets go of what has been listed for long enough before `mediaUs`. */
  expire(mediaUs: number): void {
    let old = 0;
    while (old < this.#events.length && (this.#events[old]?.atUs ?? 0) < mediaUs - LISTED_US) old += 1;
    if (old === 0) return;
    this.#events.splice(0, old);
    this.version += 1;
  }
}

/** No quotes, line ends or control characters (§4.2). */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x7e]/g, "_");
}

/** Hands each event to one rendition's parts once, in whatever part is open when its moment has passed. */
export class EventCursor {
  readonly #events: TimedEvents;
  readonly #sent = new WeakSet<TimedEvent>();
  #sinceUs: number;

  /** Events before `sinceUs` belong to parts that were never made. */
  constructor(events: TimedEvents, sinceUs: number) {
    this.#events = events;
    this.#sinceUs = sinceUs;
  }

  /** The boxes of the events before `endUs` that were in no part yet. */
  take(endUs: number): readonly Uint8Array[] {
    let boxes: Uint8Array[] | undefined;
    for (const event of this.#events.listed) {
      if (event.atUs >= endUs) break;
      if (event.atUs < this.#sinceUs || this.#sent.has(event)) continue;
      this.#sent.add(event);
      boxes ??= [];
      boxes.push(event.emsg);
    }
    return boxes ?? NO_BOXES;
  }
}

const NO_BOXES: readonly Uint8Array[] = Object.freeze([]);
