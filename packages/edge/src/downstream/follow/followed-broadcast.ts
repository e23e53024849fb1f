import { MediaError } from "@canopy/media";
import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { decodeTimedMessage, type TimedMessage } from "@canopy/media/timed";
import { framePayload } from "@canopy/protocol";
import { type Broadcast, RelayError, type Store, type Track, type TrackReading } from "@canopy/relay";
import type { Logger } from "@canopy/runtime";

/** What of a catalog one way out of the node can carry. */
export interface FollowedMedia {
  readonly timedTrack: string | undefined;
}

export interface FollowedBroadcastOptions<Media extends FollowedMedia> {
  readonly path: string;
  readonly describe: (catalog: Catalog) => Media;
}

export interface FollowedBroadcastDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Whoever sends the broadcast on. */
export interface BroadcastFollower<Media extends FollowedMedia> {
  /** The first catalog is here, or another one. */
  onMedia(media: Media): void;
  /** Only while timed messages are wanted; `bytes` is the message as it came. */
  onTimed?(message: TimedMessage, bytes: Uint8Array): void;
  /** A publisher is there: tracks are to be asked for anew. */
  onActive(): void;
  /** The publisher is gone, and may come back. */
  onGone(): void;
}

const CATALOG_TRACK = "catalog.json";
const CATALOG_PRIORITY = 100;
const TIMED_PRIORITY = 90;
/** Messages and catalogs are kept for this long beside a newer one: none may be lost to the next. */
const DOCUMENT_LATENCY_MS = 10_000;

/**
 * A path of the store as whoever sends it on in another form needs it: catalog, timed messages, tracks. It follows the
 * path, not one publisher's incarnation, so that viewers go on when a publisher comes back.
 */
export class FollowedBroadcast<Media extends FollowedMedia> {
  readonly path: string;
  /** Undefined until the first catalog is here. */
  media: Media | undefined;
  /** When the broadcast went away; 0 = it is there. */
  goneSinceMs = 0;
  /** Frames and documents that could not be read. */
  unreadable = 0;
  readonly #deps: FollowedBroadcastDeps;
  readonly #follower: BroadcastFollower<Media>;
  readonly #describe: (catalog: Catalog) => Media;
  readonly #waiters = new Set<() => void>();
  readonly #unwatch: () => void;
  #broadcast: Broadcast | undefined;
  #catalog: TrackReading | undefined;
  #timed: TrackReading | undefined;
  #timedTrack: string | undefined;
  #timedWishes = 0;

  constructor(
    options: FollowedBroadcastOptions<Media>,
    follower: BroadcastFollower<Media>,
    deps: FollowedBroadcastDeps,
  ) {
    this.path = options.path;
    this.#describe = options.describe;
    this.#follower = follower;
    this.#deps = deps;
    this.#unwatch = deps.store.watch(options.path, {
      onActive: (broadcast) => this.#onActive(broadcast),
      onEnded: (broadcast) => this.#onEnded(broadcast),
    });
  }

  /** The current publisher's track; undefined while there is none, or no room for one more of the broadcast's tracks. */
  request(name: string): Track | undefined {
    try {
      return this.#broadcast?.request(name);
    } catch (error) {
      // Viewers choose the names of tracks: whoever asks for too many must not end what goes on. It is asked for again.
      if (!(error instanceof RelayError)) throw error;
      return undefined;
    }
  }

  /** Resolves with the media once a catalog is here, or undefined when the time is over. */
  async awaitMedia(timeoutMs: number): Promise<Media | undefined> {
    if (this.media !== undefined) return this.media;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiters.add(done);
    });
    return this.media;
  }

  /** Timed messages are read while at least one wish for them stands. */
  wantTimed(): void {
    this.#timedWishes += 1;
    this.#followTimed();
  }

  unwantTimed(): void {
    this.#timedWishes -= 1;
    if (this.#timedWishes === 0) this.#stopTimed();
  }

  /** Documents whose track was closed by its source are asked for again; called once a second. */
  tick(): void {
    if (this.#broadcast === undefined) return;
    if (this.#catalog === undefined) this.#followCatalog();
    this.#followTimed();
  }

  close(): void {
    this.#unwatch();
    this.#unbind();
    for (const done of [...this.#waiters]) done();
  }

  #onActive(broadcast: Broadcast): void {
    if (broadcast.path !== this.path) return;
    this.#unbind();
    this.#broadcast = broadcast;
    this.goneSinceMs = 0;
    this.#followCatalog();
    this.#followTimed();
    this.#follower.onActive();
  }

  #onEnded(broadcast: Broadcast): void {
    if (broadcast !== this.#broadcast) return;
    this.#catalog?.close();
    this.#catalog = undefined;
    // Left to its track, which has ended as well, and tells what it still has before it says so.
    this.#timed = undefined;
    this.#broadcast = undefined;
    this.goneSinceMs = this.#deps.nowMs();
    this.#follower.onGone();
  }

  #unbind(): void {
    this.#catalog?.close();
    this.#catalog = undefined;
    this.#stopTimed();
  }

  #stopTimed(): void {
    this.#timed?.close();
    this.#timed = undefined;
  }

  #followCatalog(): void {
    this.#catalog?.close();
    this.#catalog = this.request(CATALOG_TRACK)?.subscribe(
      {
        onFrame: (frame) => this.#onCatalog(framePayload(frame)),
        onClosed: () => {
          this.#catalog = undefined;
        },
      },
      { priority: CATALOG_PRIORITY, maxLatencyMs: DOCUMENT_LATENCY_MS },
    );
  }

  #onCatalog(bytes: Uint8Array): void {
    let media: Media;
    try {
      media = this.#describe(parseCatalog(bytes));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.unreadable += 1;
      this.#deps.logger.warn({ err: error, broadcast: this.path }, "a catalog could not be read");
      return;
    }
    this.media = media;
    for (const done of [...this.#waiters]) done();
    this.#follower.onMedia(media);
    this.#followTimed();
  }

  #followTimed(): void {
    const name = this.media?.timedTrack;
    if (this.#timedWishes === 0 || name === undefined) return;
    if (this.#timed !== undefined && name === this.#timedTrack) return;
    this.#stopTimed();
    this.#timedTrack = name;
    const broadcast = this.#broadcast;
    this.#timed = this.request(name)?.subscribe(
      {
        onFrame: (frame) => this.#onTimed(framePayload(frame)),
        onClosed: () => {
          if (broadcast === this.#broadcast) this.#timed = undefined;
        },
      },
      // Each message is a group, and one stream may overtake another.
      { priority: TIMED_PRIORITY, maxLatencyMs: DOCUMENT_LATENCY_MS, leavesNoneOut: true },
    );
  }

  #onTimed(bytes: Uint8Array): void {
    let message: TimedMessage;
    try {
      message = decodeTimedMessage(bytes);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.unreadable += 1;
      return;
    }
    this.#follower.onTimed?.(message, bytes);
  }
}
