import { type TimedMessage, TimedMessageDeduplicator } from "@canopy/media/timed";

export type TimedSource = "sei" | "track" | "hls";

/** What the DOM event `timed` carries in `detail`. */
export interface TimedEventDetail {
  readonly message: TimedMessage;
  /** Time of the frame on which it fires, µs of media time. */
  readonly mediaTimeUs: number;
  readonly source: TimedSource;
}

/** 30 messages a second, half a minute ahead. */
const MAX_WAITING = 1024;

interface WaitingMessage {
  readonly message: TimedMessage;
  readonly source: TimedSource;
}

/**
 * Timed messages that wait for their frame. Each fires once, on the first presented frame whose time is not
 * before `at`; those of one time in order of their ids, which the origin lets rise. What was due before this
 * viewer's first frame never fires.
 */
export class TimedQueue {
  readonly #waiting: WaitingMessage[] = [];
  readonly #deduplicator = new TimedMessageDeduplicator();
  #joinUs: number | undefined;
  #dropped = 0;

  /** Messages over the bound, dropped (the furthest in the future first). */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Media time of the next message, µs: the first frame that is not before it must be presented. Infinity if there is
   * none, and before the first frame, which decides what this viewer gets at all.
   */
  get nextUs(): number {
    const at = this.#joinUs === undefined ? undefined : this.#waiting[0]?.message.at;
    return at ?? Number.POSITIVE_INFINITY;
  }

  add(message: TimedMessage, source: TimedSource): void {
    if (!this.#deduplicator.isNew(message.id)) return;
    if (this.#joinUs !== undefined && message.at < this.#joinUs) return;
    let index = this.#waiting.length;
    while (index > 0 && isBefore(message, this.#waiting[index - 1]?.message)) index -= 1;
    this.#waiting.splice(index, 0, { message, source });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.pop();
      this.#dropped += 1;
    }
  }

  /** A frame with this time is presented; `fire` is called for each message that is due, in order of `at`. */
  onPresented(timestampUs: number, fire: (detail: TimedEventDetail) => void): void {
    if (this.#joinUs === undefined) {
      this.#joinUs = timestampUs;
      while (this.#waiting.length > 0 && (this.#waiting[0]?.message.at ?? 0) < timestampUs) {
        this.#waiting.shift();
      }
    }
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || first.message.at > timestampUs) return;
      this.#waiting.shift();
      fire({ message: first.message, mediaTimeUs: timestampUs, source: first.source });
    }
  }

  /** Playback starts anew (after a pause): what passed meanwhile does not fire. */
  rejoin(): void {
    this.#joinUs = undefined;
    this.#waiting.length = 0;
  }
}

function isBefore(message: TimedMessage, other: TimedMessage | undefined): boolean {
  if (other === undefined) return false;
  return message.at === other.at ? message.id < other.id : message.at < other.at;
}
