import { encodeFrame } from "../codec/encode-frame.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { OutgoingGroup, SubscribeResponder, TrackInfo } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";

/** A subscriber whose group holds more than this is cut off until the next group: 1.5 s of 5 Mbit/s. */
const MAX_GROUP_BACKLOG_BYTES = 1024 * 1024;
/** An origin subscribes once per track; a few more are for its restarts. */
const MAX_SUBSCRIBERS = 8;
/** A group that never ends is cut: the frames of the open group are kept for who comes late. */
const MAX_GROUP_FRAMES = 1_200;

interface Subscriber {
  readonly request: SubscribeResponder;
  group: OutgoingGroup | undefined;
}

/**
 * One track of a publisher: the frames of its open group, and who gets them. Group sequences go on over lost
 * sessions, so that whoever resumes can tell new from old.
 */
export class ServedTrack {
  readonly name: string;
  readonly info: TrackInfo;
  readonly #subscribers = new Set<Subscriber>();
  #sequence: number;
  #frames: WireFrame[] = [];
  #open = false;
  #droppedGroups = 0;

  /** `firstSequence`: ms since the epoch, so that a publisher that starts anew counts on from the last one. */
  constructor(name: string, info: TrackInfo, firstSequence: number) {
    this.name = name;
    this.info = info;
    this.#sequence = Math.floor(firstSequence) - 1;
  }

  /** Groups that a subscriber missed or got only a part of, because its way was full. */
  get droppedGroups(): number {
    return this.#droppedGroups;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Bytes that wait for the slowest subscriber. */
  get backlogBytes(): number {
    let most = 0;
    for (const { group } of this.#subscribers) most = Math.max(most, group?.bufferedBytes ?? 0);
    return most;
  }

  subscribe(request: SubscribeResponder): void {
    if (this.#subscribers.size >= MAX_SUBSCRIBERS) {
      request.reject(ERROR_CODES.boundsExceeded);
      return;
    }
    const subscriber: Subscriber = { request, group: undefined };
    this.#subscribers.add(subscriber);
    request.handler = {
      onUpdate: () => {},
      onClosed: () => this.#subscribers.delete(subscriber),
      onStreamsAvailable: () => {},
    };
    request.accept(this.info);
    if (this.#frames.length === 0) return;
    this.#openFor(subscriber);
    for (const frame of this.#frames) subscriber.group?.writeFrame(frame);
    if (!this.#open) this.#finishFor(subscriber);
  }

  /** Ends the open group and starts the next one; its first frame must be decodable by itself. */
  startGroup(): void {
    this.finishGroup();
    this.#sequence += 1;
    this.#frames = [];
    this.#open = true;
    for (const subscriber of this.#subscribers) this.#openFor(subscriber);
  }

  /** Appends to the open group; the payload is copied into the frame. */
  write(timestampUs: number, payload: Uint8Array): void {
    if (!this.#open || this.#frames.length >= MAX_GROUP_FRAMES) return;
    const previous = this.#frames[this.#frames.length - 1]?.timestamp ?? 0;
    const frame = encodeFrame(timestampUs, previous, payload);
    this.#frames.push(frame);
    for (const subscriber of this.#subscribers) {
      const { group } = subscriber;
      if (!group) continue;
      if (group.bufferedBytes > MAX_GROUP_BACKLOG_BYTES) {
        group.abort(ERROR_CODES.dropped);
        subscriber.group = undefined;
        this.#droppedGroups += 1;
      } else {
        group.writeFrame(frame);
      }
    }
  }

  /** The frames of the last group stay for who subscribes before the next one starts. */
  finishGroup(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const subscriber of this.#subscribers) this.#finishFor(subscriber);
  }

  /** Who comes now waits for the next group: times that were sent before do not come again under a new number. */
  forgetGroup(): void {
    this.finishGroup();
    this.#frames = [];
  }

  /** The track is done: subscribers are told, in order. */
  end(): void {
    this.finishGroup();
    for (const { request } of this.#subscribers)
      request.end(this.#frames.length > 0 ? this.#sequence : undefined);
    this.#subscribers.clear();
  }

  #openFor(subscriber: Subscriber): void {
    const { priority } = this.info;
    const group = subscriber.request.openGroup(this.#sequence, priority);
    subscriber.group = group;
    if (!group) {
      this.#droppedGroups += 1;
      return;
    }
    group.handler = {
      onDrain: () => {},
      onStop: () => {
        if (subscriber.group === group) subscriber.group = undefined;
      },
    };
  }

  #finishFor(subscriber: Subscriber): void {
    subscriber.group?.finish();
    subscriber.group = undefined;
  }
}
