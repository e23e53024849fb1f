import type { TimedMessage } from "@canopy/media/timed";
import {
  type BroadcastFollower,
  FollowedBroadcast,
  type FollowedBroadcastDeps,
} from "../follow/followed-broadcast.ts";
import { type PlayableMedia, playableMedia } from "./playable-media.ts";
import { type RtpKind, RtpTrack, type RtpTrackDeps } from "./rtp-track.ts";

export interface WhepBroadcastOptions {
  readonly path: string;
  readonly ssrc: Readonly<Record<RtpKind, number>>;
  readonly maxPayloadBytes: number;
}

export interface WhepBroadcastDeps extends RtpTrackDeps, FollowedBroadcastDeps {}

/** Whoever follows the broadcast as a whole. */
export interface WhepBroadcastUser {
  /** The renditions changed, or a publisher is back. */
  onMedia(media: PlayableMedia): void;
  /** A timed message as JSON. */
  onTimed(json: string): void;
  /** The broadcast does not come back. */
  onEnd(): void;
}

/** One broadcast as its WebRTC viewers need it: the tracks as RTP, made once for all of them, and what is told to each. */
export class WhepBroadcast implements BroadcastFollower<PlayableMedia> {
  readonly followed: FollowedBroadcast<PlayableMedia>;
  /** When the last user left. */
  idleSinceMs: number;
  readonly #options: WhepBroadcastOptions;
  readonly #deps: WhepBroadcastDeps;
  readonly #tracks = new Map<string, RtpTrack>();
  readonly #users = new Set<WhepBroadcastUser>();

  constructor(options: WhepBroadcastOptions, deps: WhepBroadcastDeps) {
    this.#options = options;
    this.#deps = deps;
    this.idleSinceMs = deps.nowMs();
    this.followed = new FollowedBroadcast({ path: options.path, describe: playableMedia }, this, deps);
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

  /** Tracks that were closed by their source are asked for again; called once a second. */
  tick(): void {
    this.followed.tick();
    for (const track of this.#tracks.values()) if (!track.bound) this.#bind(track);
  }

  endUsers(): void {
    for (const user of [...this.#users]) user.onEnd();
  }

  close(): void {
    this.followed.close();
    this.onGone();
    this.#tracks.clear();
    this.#users.clear();
  }

  // ------------------------------------------------------------ the publisher's side

  onMedia(media: PlayableMedia): void {
    for (const user of [...this.#users]) user.onMedia(media);
  }

  onTimed(_message: TimedMessage, bytes: Uint8Array): void {
    const json = new TextDecoder().decode(bytes);
    for (const user of this.#users) user.onTimed(json);
  }

  onActive(): void {
    for (const track of this.#tracks.values()) this.#bind(track);
  }

  onGone(): void {
    for (const track of this.#tracks.values()) track.unbind();
  }

  #bind(track: RtpTrack): void {
    const source = this.followed.request(track.name);
    if (source !== undefined) track.bind(source);
  }
}
