import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { framePayload } from "@canopy/protocol";
import type { Broadcast, Store, TrackReading } from "@canopy/relay";
import type { Logger } from "@canopy/runtime";
import { type PlayableMedia, playableMedia } from "./playable-media.ts";
import { type RtpKind, RtpTrack, type RtpTrackDeps } from "./rtp-track.ts";

export interface WhepBroadcastOptions {
  readonly path: string;
  readonly ssrc: Readonly<Record<RtpKind, number>>;
  readonly maxPayloadBytes: number;
}

export interface WhepBroadcastDeps extends RtpTrackDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Whoever follows the broadcast as a whole. */
export interface WhepBroadcastUser {
  /** The renditions changed, or a publisher is back. */
  onMedia(media: PlayableMedia): void;
  /** A timed message as JSON. */
  onTimed(json: string): void;
  /** The broadcast does not come back. */
  onEnd(): void;
}

const CATALOG_TRACK = "catalog.json";
const CATALOG_PRIORITY = 100;
const TIMED_PRIORITY = 90;
/** Messages and catalogs are kept for this long beside a newer one: none may be lost to the next. */
const DOCUMENT_LATENCY_MS = 10_000;
/** A timed message has at most 1 KB. */
const MAX_TIMED_BYTES = 4_096;

/**
 * One broadcast as its WebRTC viewers need it: the catalog, the tracks as RTP, the timed messages. It follows the path,
 * not one publisher's incarnation, so that viewers go on when a publisher comes back.
 */
export class WhepBroadcast {
  readonly path: string;
  /** Undefined until the first catalog is here. */
  media: PlayableMedia | undefined;
  /** When the broadcast went away, or nobody used it any more; 0 = neither. */
  goneSinceMs = 0;
  idleSinceMs: number;
  readonly #options: WhepBroadcastOptions;
  readonly #deps: WhepBroadcastDeps;
  readonly #tracks = new Map<string, RtpTrack>();
  readonly #users = new Set<WhepBroadcastUser>();
  readonly #waiters = new Set<() => void>();
  readonly #unwatch: () => void;
  #broadcast: Broadcast | undefined;
  #catalog: TrackReading | undefined;
  #timed: TrackReading | undefined;
  #timedTrack: string | undefined;
  #timedUsers = 0;

  constructor(options: WhepBroadcastOptions, deps: WhepBroadcastDeps) {
    this.path = options.path;
    this.#options = options;
    this.#deps = deps;
    this.idleSinceMs = deps.nowMs();
    this.#unwatch = deps.store.watch(options.path, {
      onActive: (broadcast) => this.#onActive(broadcast),
      onEnded: (broadcast) => this.#onEnded(broadcast),
    });
  }

  get users(): number {
    return this.#users.size;
  }

  add(user: WhepBroadcastUser): void {
    this.#users.add(user);
  }

  remove(user: WhepBroadcastUser): void {
    this.#users.delete(user);
    if (this.#users.size === 0) this.idleSinceMs = this.#deps.nowMs();
  }

  /** Resolves with the media once a catalog is here, or undefined when the time is over. */
  async awaitMedia(timeoutMs: number): Promise<PlayableMedia | undefined> {
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

  /** The track as RTP; asked from upstream while somebody uses it. Give it back with `release`. */
  acquire(kind: RtpKind, name: string): RtpTrack {
    let track = this.#tracks.get(name);
    if (track === undefined) {
      const { ssrc, maxPayloadBytes } = this.#options;
      track = new RtpTrack({ kind, name, ssrc: ssrc[kind], maxPayloadBytes }, this.#deps);
      this.#tracks.set(name, track);
      this.#bind(track);
    }
    track.users += 1;
    return track;
  }

  release(track: RtpTrack): void {
    track.users -= 1;
    if (track.users > 0) return;
    track.unbind();
    this.#tracks.delete(track.name);
  }

  /** Timed messages are read while at least one user wants them. */
  wantTimed(): void {
    this.#timedUsers += 1;
    this.#followTimed();
  }

  unwantTimed(): void {
    this.#timedUsers -= 1;
    if (this.#timedUsers === 0) this.#stopTimed();
  }

  /** Tracks that were closed by their source are asked for again; called once a second. */
  tick(): void {
    if (this.#broadcast === undefined) return;
    if (this.#catalog === undefined) this.#followCatalog(this.#broadcast);
    for (const track of this.#tracks.values()) if (!track.bound) this.#bind(track);
  }

  endUsers(): void {
    for (const user of [...this.#users]) user.onEnd();
  }

  close(): void {
    this.#unwatch();
    this.#unbindAll();
    for (const done of [...this.#waiters]) done();
    this.#tracks.clear();
    this.#users.clear();
  }

  #onActive(broadcast: Broadcast): void {
    if (broadcast.path !== this.path) return;
    this.#broadcast = broadcast;
    this.goneSinceMs = 0;
    this.#followCatalog(broadcast);
    for (const track of this.#tracks.values()) this.#bind(track);
    this.#followTimed();
  }

  #onEnded(broadcast: Broadcast): void {
    if (broadcast !== this.#broadcast) return;
    this.#unbindAll();
    this.#broadcast = undefined;
    this.goneSinceMs = this.#deps.nowMs();
  }

  #unbindAll(): void {
    this.#catalog?.close();
    this.#catalog = undefined;
    this.#stopTimed();
    for (const track of this.#tracks.values()) track.unbind();
  }

  #bind(track: RtpTrack): void {
    const source = this.#broadcast?.request(track.name);
    if (source !== undefined) track.bind(source);
  }

  #followCatalog(broadcast: Broadcast): void {
    this.#catalog?.close();
    this.#catalog = broadcast.request(CATALOG_TRACK)?.subscribe(
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
    let catalog: Catalog;
    try {
      catalog = parseCatalog(bytes);
    } catch (error) {
      this.#deps.logger.warn({ err: error, broadcast: this.path }, "a catalog could not be read");
      return;
    }
    const media = playableMedia(catalog);
    this.media = media;
    for (const done of [...this.#waiters]) done();
    for (const user of [...this.#users]) user.onMedia(media);
    this.#followTimed();
  }

  #followTimed(): void {
    const name = this.media?.timedTrack;
    if (this.#timedUsers === 0 || name === undefined) return;
    if (this.#timed !== undefined && name === this.#timedTrack) return;
    this.#stopTimed();
    this.#timedTrack = name;
    this.#timed = this.#broadcast?.request(name)?.subscribe(
      {
        onFrame: (frame) => this.#onTimed(framePayload(frame)),
        onClosed: () => {
          this.#timed = undefined;
        },
      },
      { priority: TIMED_PRIORITY, maxLatencyMs: DOCUMENT_LATENCY_MS },
    );
  }

  #stopTimed(): void {
    this.#timed?.close();
    this.#timed = undefined;
  }

  #onTimed(bytes: Uint8Array): void {
    if (bytes.byteLength === 0 || bytes.byteLength > MAX_TIMED_BYTES) return;
    const json = new TextDecoder().decode(bytes);
    for (const user of this.#users) user.onTimed(json);
  }
}
