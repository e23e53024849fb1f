import { ERROR_CODES, type ErrorCode, type SubscribeOptions } from "@canopy/protocol";
import {
  type Broadcast,
  type Group,
  RelayError,
  type RouteSource,
  type Track,
  type TrackFeed,
  type TrackReading,
} from "@canopy/relay";

/**
 * Tracks of a publisher that the origin does not understand, copied as they are when somebody asks for them.
 * Stays the same over reconnections of the publisher; `connect` says where he is now.
 */
export class PassThroughSource implements RouteSource {
  #publisher: Broadcast | undefined;
  readonly #feeds = new Set<PassThroughFeed>();

  /** The publisher's own broadcast; undefined while he is away. */
  connect(publisher: Broadcast | undefined): void {
    this.#publisher = publisher;
    for (const feed of this.#feeds) feed.follow(publisher);
  }

  openTrack(_path: string, track: Track, demand: SubscribeOptions): TrackFeed {
    const feed = new PassThroughFeed(track, demand, () => this.#feeds.delete(feed));
    this.#feeds.add(feed);
    feed.follow(this.#publisher);
    return feed;
  }
}

class PassThroughFeed implements TrackFeed {
  readonly #target: Track;
  readonly #onClosed: () => void;
  #demand: SubscribeOptions;
  #reading: TrackReading | undefined;
  #group: Group | undefined;

  constructor(target: Track, demand: SubscribeOptions, onClosed: () => void) {
    this.#target = target;
    this.#demand = demand;
    this.#onClosed = onClosed;
  }

  follow(publisher: Broadcast | undefined): void {
    this.#stop();
    if (publisher === undefined) return;
    const source = requestTrack(publisher, this.#target.name);
    if (typeof source === "number") {
      this.#target.close(source);
      return;
    }
    this.#reading = source.subscribe(
      {
        onInfo: (info) => {
          // Another unit of time than before he reconnected: his frames cannot continue this track.
          if (!this.#target.setInfo(info)) this.#target.close(ERROR_CODES.timestampMismatch);
        },
        onGroup: () => {
          this.#group?.finish();
          this.#group = this.#target.closed ? undefined : this.#target.openGroup();
        },
        onFrame: (frame) => {
          this.#group?.appendFrame(frame);
        },
        onGroupEnd: (_group, complete) => {
          if (complete) this.#group?.finish();
          else this.#group?.abort(ERROR_CODES.dropped);
          this.#group = undefined;
        },
        onClosed: (code) => {
          this.#reading = undefined;
          // While the publisher is away the track waits for him; what he himself ended is over.
          if (code !== ERROR_CODES.closed && !this.#target.closed) this.#target.close(code);
        },
      },
      { ...this.#demand, startGroup: undefined, endGroup: undefined },
    );
  }

  update(demand: SubscribeOptions): void {
    this.#demand = demand;
  }

  close(): void {
    this.#stop();
    this.#onClosed();
  }

  #stop(): void {
    this.#reading?.close();
    this.#reading = undefined;
    this.#group?.finish();
    this.#group = undefined;
  }
}

/** Viewers choose the names: too many of them are refused one by one. */
function requestTrack(publisher: Broadcast, name: string): Track | ErrorCode {
  try {
    return publisher.request(name) ?? ERROR_CODES.notFound;
  } catch (error) {
    if (error instanceof RelayError) return ERROR_CODES.boundsExceeded;
    throw error;
  }
}
