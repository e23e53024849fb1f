import { randomBytes } from "node:crypto";
import type { TimedMessage } from "@canopy/media/timed";
import {
  type BroadcastFollower,
  FollowedBroadcast,
  type FollowedBroadcastDeps,
} from "../follow/followed-broadcast.ts";
import type { PackagedMedia, PackagedVideo } from "../packaging/packaged-media.ts";
import { packagedMedia, sameAudio } from "../packaging/packaged-media.ts";
import { TrackSource } from "../packaging/track-source.ts";
import { AudioSegmenter } from "./audio-segmenter.ts";
import type { HlsCounters } from "./hls-counters.ts";
import type { HlsOptions } from "./hls-options.ts";
import { HlsRendition } from "./hls-rendition.ts";
import type { RenditionReport } from "./media-playlist.ts";
import { AUDIO_RENDITION_ID, videoRenditionId } from "./multivariant-playlist.ts";
import { Era } from "./part-boundary.ts";
import type { PartPlan } from "./part-plan.ts";
import { PendingRequests } from "./pending-requests.ts";
import { SegmentWindow } from "./segment-window.ts";
import { TimedEvents } from "./timed-events.ts";
import { VideoSegmenter } from "./video-segmenter.ts";

export interface HlsBroadcastDeps extends FollowedBroadcastDeps {
  readonly counters: HlsCounters;
  /** Somebody's window grew over what the node has for all of them. */
  readonly onBytes: (delta: number) => void;
}

/** A rendition is made for this long after the last request for it: a player that reloads slowly comes back. */
const KEEP_MS = 20_000;
const ID_BYTES = 5;
/**
 * Sequence numbers begin at the quarters of a second since 2025, so that a broadcast that was not asked for in
 * between goes on above everything that players have seen, and all of them fit 31 bits for years.
 */
const SEQUENCE_EPOCH_MS = Date.UTC(2025, 0, 1);
const SEQUENCE_STEP_MS = 250;
/** The catalog promises sound: pictures of more than this are listed without it. */
const SOUND_PATIENCE_US = 5_000_000;
/** Renditions whose segments begin within this time of each other have the same number. */
const ALIGNED_US = 500_000;

/** One broadcast as HLS: a segmenter per rendition, made once for all viewers, while somebody asks. */
export class HlsBroadcast implements BroadcastFollower<PackagedMedia> {
  readonly followed: FollowedBroadcast<PackagedMedia>;
  readonly renditions = new Map<string, HlsRendition>();
  lastAskedMs: number;
  readonly #options: HlsOptions;
  readonly #deps: HlsBroadcastDeps;
  readonly #era = new Era();
  readonly #events = new TimedEvents();
  #lead: { readonly id: string; readonly segmenter: VideoSegmenter } | undefined;
  #audio: { readonly segmenter: AudioSegmenter; readonly rendition: HlsRendition } | undefined;
  #describedAudio: PackagedMedia["audio"];

  constructor(path: string, options: HlsOptions, deps: HlsBroadcastDeps) {
    this.#options = options;
    this.#deps = deps;
    this.lastAskedMs = deps.nowMs();
    this.followed = new FollowedBroadcast({ path, describe: packagedMedia }, this, deps);
    this.followed.wantTimed();
  }

  /** The rendition of that id, made if the catalog has it. Counts as a request. */
  ask(id: string): HlsRendition | undefined {
    const { media } = this.followed;
    const nowMs = this.#deps.nowMs();
    this.lastAskedMs = nowMs;
    let rendition = this.renditions.get(id);
    if (rendition === undefined && media !== undefined) {
      // Sound is cut where the pictures are, so they have to be there.
      const [leading] = media.video;
      if (leading !== undefined && this.#lead === undefined) this.#addVideo(leading);
      const video = media.video.find((one) => videoRenditionId(one.name) === id);
      if (id === AUDIO_RENDITION_ID) this.#addAudio(media);
      else if (video !== undefined && !this.renditions.has(id)) this.#addVideo(video);
      rendition = this.renditions.get(id);
    }
    if (rendition !== undefined) rendition.lastAskedMs = nowMs;
    return rendition;
  }

  /**
   * Players may have its playlist, from now on. Pictures wait for the sound: hls.js does not get over a beginning whose
   * pictures are of an era that has no sound, since it waits for the first segments of both.
   */
  isReady(rendition: HlsRendition): boolean {
    const { window } = rendition;
    // Then a player has what else it needs to know, also where all that it has seen is given up.
    if (rendition.isListed) return (window?.segments[0]?.parts.length ?? 0) > 0;
    if (window?.isReady !== true) return false;
    const sound = this.#audio?.segmenter;
    rendition.isListed ||= sound === undefined || sound.hasBegun || window.spanUs > SOUND_PATIENCE_US;
    return rendition.isListed;
  }

  /** Where the other renditions are, for a playlist of `id`. */
  reports(id: string): readonly RenditionReport[] {
    const reports: RenditionReport[] = [];
    for (const other of this.renditions.values()) {
      const { latest } = other.window ?? {};
      if (other.id === id || other.window === undefined || latest === undefined) continue;
      const uri = `../${other.id}/index.m3u8`;
      if (latest.parts.length > 0)
        reports.push({ uri, lastSequence: latest.sequence, lastPart: latest.parts.length - 1 });
      else {
        const before = other.window.find(latest.sequence - 1);
        if (before === undefined || before.parts.length === 0) continue;
        reports.push({ uri, lastSequence: before.sequence, lastPart: before.parts.length - 1 });
      }
    }
    return reports;
  }

  /** Called once a second. */
  tick(nowMs: number): void {
    this.followed.tick();
    for (const rendition of this.renditions.values()) rendition.source.bind();
    // The pictures are needed as long as the sound is.
    const idle = [...this.renditions.values()].filter(
      (rendition) => rendition.pending.size === 0 && nowMs - rendition.lastAskedMs > KEEP_MS,
    );
    for (const rendition of idle) {
      const isNeeded = rendition.id === this.#lead?.id && this.renditions.size > idle.length;
      if (!isNeeded) this.#remove(rendition);
    }
    const latest = this.#lead?.segmenter.window?.latest ?? this.#audio?.segmenter.window?.latest;
    if (latest !== undefined) this.#events.expire(latest.startUs);
  }

  close(): void {
    for (const rendition of this.renditions.values()) rendition.close();
    this.renditions.clear();
    this.followed.close();
  }

  // ------------------------------------------------------------ the publisher's side

  onMedia(media: PackagedMedia): void {
    const { audio } = media;
    const known = this.#describedAudio;
    if (this.#audio === undefined || audio === undefined || known === undefined) return;
    if (sameAudio(known, audio)) return;
    if (known.name === audio.name) {
      this.#describedAudio = audio;
      this.#audio.segmenter.reconfigure(audio);
    } else this.#remove(this.#audio.rendition);
  }

  onTimed(message: TimedMessage): void {
    this.#events.add(message);
  }

  onActive(): void {
    for (const rendition of this.renditions.values()) rendition.source.bind();
  }

  onGone(): void {
    for (const rendition of this.renditions.values()) rendition.source.close();
  }

  // ------------------------------------------------------------

  #addVideo(video: PackagedVideo): void {
    const id = videoRenditionId(video.name);
    const isLead = this.#lead === undefined;
    const { framerate, jitter: jitterMs } = video.rendition;
    const pending = this.#pendingRequests();
    const segmenter = new VideoSegmenter(
      { bFrames: this.followed.media?.bFrames, framerate, jitterMs },
      {
        era: this.#era,
        events: this.#events,
        carriesEvents: true,
        openWindow: (plan) => this.#openWindow(plan, pending),
        sequenceAt: (startUs) => (isLead ? undefined : this.#leadSequenceAt(startUs)),
        onBoundary: (boundary) => {
          if (isLead) this.#audio?.segmenter.onBoundary(boundary);
        },
      },
    );
    if (isLead) this.#lead = { id, segmenter };
    const source = new TrackSource("video", video.name, { broadcast: this.followed, consumer: segmenter });
    this.renditions.set(
      id,
      new HlsRendition({ id, kind: "video", segmenter, source, pending, events: this.#events }),
    );
    if (isLead) this.#addAudio(this.followed.media);
  }

  #addAudio(media: PackagedMedia | undefined): void {
    const audio = media?.audio;
    if (audio === undefined || this.#audio !== undefined) return;
    const pending = this.#pendingRequests();
    const segmenter = new AudioSegmenter(audio, {
      era: this.#era,
      events: this.#events,
      followsPictures: this.#lead !== undefined,
      plan: this.#lead?.segmenter.window?.plan,
      openWindow: (plan) => this.#openWindow(this.#lead?.segmenter.window?.plan ?? plan, pending),
      onBegin: (era) => this.#onSound(era),
    });
    const source = new TrackSource("audio", audio.name, { broadcast: this.followed, consumer: segmenter });
    const id = AUDIO_RENDITION_ID;
    const rendition = new HlsRendition({
      id,
      kind: "audio",
      segmenter,
      source,
      pending,
      events: this.#events,
    });
    this.#audio = { segmenter, rendition };
    this.#describedAudio = audio;
    rendition.lastAskedMs = this.#deps.nowMs();
    this.renditions.set(id, rendition);
  }

  /** Sound begins: so do the pictures, at the same era. */
  #onSound(era: number): void {
    for (const { kind, window, pending } of this.renditions.values()) {
      if (kind === "video") window?.forgetBefore(era);
      pending.wake();
    }
  }

  #remove(rendition: HlsRendition): void {
    rendition.close();
    this.renditions.delete(rendition.id);
    if (rendition === this.#audio?.rendition) this.#audio = undefined;
    if (rendition.id === this.#lead?.id) this.#lead = undefined;
  }

  #pendingRequests(): PendingRequests {
    const { maxWaits } = this.#options;
    return new PendingRequests({ maxWaits }, { pool: this.#deps.counters });
  }

  #openWindow(plan: PartPlan, pending: PendingRequests): SegmentWindow {
    const { windowMs, maxRenditionBytes: maxBytes } = this.#options;
    const firstSequence = Math.floor((this.#deps.nowMs() - SEQUENCE_EPOCH_MS) / SEQUENCE_STEP_MS);
    return new SegmentWindow(
      { id: randomBytes(ID_BYTES).toString("hex"), firstSequence, plan },
      { windowMs, maxBytes },
      { onBytes: this.#deps.onBytes, onGrowth: () => pending.wake() },
    );
  }

  #leadSequenceAt(startUs: number): number | undefined {
    const { window, begun } = this.#lead?.segmenter ?? {};
    for (const segment of [begun, ...(window?.segments ?? [])]) {
      if (segment !== undefined && Math.abs(segment.startUs - startUs) < ALIGNED_US) return segment.sequence;
    }
    return undefined;
  }
}
