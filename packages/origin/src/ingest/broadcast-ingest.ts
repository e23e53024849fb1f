import type { AudioRendition, Catalog, VideoRendition } from "@canopy/media/catalog";
import type { TimedMessage } from "@canopy/media/timed";
import type { Broadcast } from "@canopy/relay";
import type { Clock } from "@canopy/runtime";
import { BroadcastBridges } from "../audio/broadcast-bridges.ts";
import { decodesAlike } from "../audio/plan-bridges.ts";
import type { TranscoderThread } from "../audio/transcoder-thread.ts";
import { type TimedKind, TimedLane } from "../timed/timed-lane.ts";
import type { TimedRequest } from "../timed/timed-scheduler.ts";
import type { AudioLane } from "./audio-lane.ts";
import { type BroadcastWarning, broadcastWarnings } from "./broadcast-warnings.ts";
import { CatalogWriter } from "./catalog-writer.ts";
import { type BroadcastDescription, describeTracks, observeTracks } from "./describe-broadcast.ts";
import type { IngestOptions } from "./ingest-options.ts";
import { MediaClock } from "./media-clock.ts";
import type { Publisher } from "./publisher.ts";
import { AUDIO_PRIORITY, createTrack, TrackLanes, trackInfo } from "./track-lanes.ts";
import type { TrackMeter } from "./track-meter.ts";
import type { VideoLane } from "./video-lane.ts";

export interface BroadcastIngestDeps {
  readonly broadcast: Broadcast;
  readonly clock: Clock;
  /** Takes the broadcast's way to this publisher out of the store. */
  withdraw(): void;
  createId(nowMs: number): string;
  countTimed(kind: TimedKind): void;
  /** Undefined: this origin does not transcode sound. */
  readonly transcoders?: TranscoderThread;
}

// What is small and urgent is sent first.
const CATALOG_PRIORITY = 100;
const TIMED_PRIORITY = 90;
/** A reconnected publisher has this long to describe its tracks again before those of the last one are dropped. */
const REDESCRIBE_MS = 2_000;
/** Measured rates get into the catalog at most this often. */
const RATE_UPDATE_MS = 10_000;

/**
 * One broadcast from its publisher's side: media clock, lanes into the store, catalog, timed messages, health.
 * It outlives a publisher that reconnects: tracks and group sequences go on.
 */
export class BroadcastIngest {
  readonly broadcast: Broadcast;
  readonly clock: MediaClock;
  readonly #deps: BroadcastIngestDeps;
  readonly #timed: TimedLane;
  readonly #catalog: CatalogWriter;
  readonly #lanes: TrackLanes;
  readonly #bridges: BroadcastBridges | undefined;
  readonly #startedMs: number;
  #publisher: Publisher;
  #connected = true;
  #publisherSinceMs: number;
  #waitsUntilMs = 0;
  #catalogDirty = false;
  #bFrames = false;
  #held = false;
  #jumpsBefore = 0;
  #ratesUpdatedMs: number;
  /** Root fields of a publisher's own catalog. */
  #extraCatalog: Catalog = {};

  constructor(options: IngestOptions, publisher: Publisher, deps: BroadcastIngestDeps) {
    const { broadcast, clock } = deps;
    this.#deps = deps;
    this.broadcast = broadcast;
    this.clock = new MediaClock(options.clock);
    this.#publisher = publisher;
    this.#startedMs = clock.nowMs();
    this.#publisherSinceMs = this.#startedMs;
    // The first measurement is told as soon as there is one.
    this.#ratesUpdatedMs = this.#startedMs - RATE_UPDATE_MS;
    this.#catalog = new CatalogWriter({
      track: createTrack(broadcast, "catalog.json", CATALOG_PRIORITY),
      nowUs: () => clock.nowUs(),
    });
    this.#timed = new TimedLane(options.timed, {
      track: createTrack(broadcast, "timed", TIMED_PRIORITY),
      createId: (nowMs) => deps.createId(nowMs),
      count: (kind) => deps.countTimed(kind),
    });
    this.#lanes = new TrackLanes(options, { broadcast, timed: this.#timed, nowMs: () => clock.nowMs() });
    const { transcoders } = deps;
    if (transcoders === undefined) return;
    this.#bridges = new BroadcastBridges(
      { ...options.audioBridge, groupMs: options.audioGroupMs },
      { broadcast, transcoders, trackInfo: trackInfo(AUDIO_PRIORITY) },
    );
  }

  get path(): string {
    return this.broadcast.path;
  }

  get publisher(): Publisher {
    return this.#publisher;
  }

  /** False while the broadcast waits for its publisher to come back. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Until when a broadcast without publisher waits for it, ms. */
  get waitsUntilMs(): number {
    return this.#waitsUntilMs;
  }

  // ------------------------------------------------------------------ the publisher

  /** A publisher takes the broadcast over, or comes back. */
  attach(publisher: Publisher): void {
    this.#lanes.finishGroups();
    this.#lanes.restart();
    this.#publisher = publisher;
    this.#connected = true;
    this.#publisherSinceMs = this.#deps.clock.nowMs();
    this.#jumpsBefore = this.clock.jumps;
    this.#held = false;
    this.bFrames = false;
    this.clock.restart();
  }

  /** The publisher is gone; what it began is complete. */
  detach(waitMs = 0): void {
    this.#connected = false;
    this.#waitsUntilMs = this.#deps.clock.nowMs() + waitMs;
    this.#lanes.finishGroups();
  }

  // ------------------------------------------------------------------ what upstreams write

  /** The lane of a video track, made when it is first asked for. Throws RelayError at the store's limits. */
  video(name: string): VideoLane {
    return this.#lanes.video(name).lane;
  }

  videoMeter(name: string): TrackMeter {
    return this.#lanes.video(name).meter;
  }

  audio(name: string): AudioLane {
    return this.#lanes.audio(name).lane;
  }

  /** How a track is to be decoded. Sent with the next `announce`. */
  describeVideo(name: string, rendition: VideoRendition): void {
    const track = this.#lanes.video(name);
    track.rendition = rendition;
    track.stale = false;
    this.#catalogDirty = true;
  }

  describeAudio(name: string, rendition: AudioRendition): void {
    const track = this.#lanes.audio(name);
    // What a new configuration describes begins with a group of its own.
    if (track.rendition !== undefined && !decodesAlike(track.rendition, rendition)) track.lane.finishGroup();
    track.rendition = rendition;
    track.stale = false;
    this.#catalogDirty = true;
  }

  /** Takes a track out of the catalog. */
  withdraw(name: string): void {
    if (this.#lanes.withdraw(name)) this.#catalogDirty = true;
  }

  /** Other root fields of a publisher's own catalog. */
  describeExtras(extras: Catalog): void {
    this.#extraCatalog = extras;
    this.#catalogDirty = true;
  }

  set bFrames(value: boolean) {
    if (value === this.#bFrames) return;
    this.#bFrames = value;
    this.#catalogDirty = true;
  }

  /** Sends the catalog if it changed. To be called before the frame that needs it. */
  announce(): void {
    if (!this.#catalogDirty) return;
    this.#catalogDirty = false;
    this.#bridges?.update(this.#lanes.audioRenditions(), (name) => this.#lanes.has(name));
    this.#catalog.write(this.#buildCatalog());
  }

  /** The publisher was held back because it sends faster than real time. */
  noteHeld(): void {
    this.#held = true;
  }

  // ------------------------------------------------------------------ what the API asks

  /** @throws OriginError as `TimedScheduler.accept` */
  post(request: TimedRequest): TimedMessage {
    return this.#timed.post(request, {
      nowUs: this.#deps.clock.nowUs(),
      newestUs: this.#lanes.newestUs,
      hasVideo: this.#lanes.carrySei,
    });
  }

  describe(): BroadcastDescription {
    const { newestUs } = this.#lanes;
    const tracks = describeTracks(this.#lanes, this.#bridges, this.broadcast);
    return {
      broadcast: this.path,
      publisher: {
        protocol: this.#publisher.protocol,
        connected: this.#connected,
        since: new Date(this.#publisherSinceMs).toISOString(),
      },
      startedAt: new Date(this.#startedMs).toISOString(),
      tracks,
      bitrate: tracks.reduce(
        (sum, track) => sum + (track.bridgeOf === undefined ? (track.bitrate ?? 0) : 0),
        0,
      ),
      bFrames: this.#bFrames,
      ...(newestUs === undefined ? {} : { mediaTimeUs: newestUs }),
      pendingTimedMessages: this.#timed.pending,
      warnings: this.warnings(),
    };
  }

  warnings(): BroadcastWarning[] {
    return broadcastWarnings({
      ...observeTracks(this.#lanes, this.#connected),
      ageMs: this.#deps.clock.nowMs() - this.#publisherSinceMs,
      connected: this.#connected,
      bFrames: this.#bFrames,
      timestampJumps: this.clock.jumps - this.#jumpsBefore,
      held: this.#held,
      bridgeProblem: this.#bridges?.problem?.message,
    });
  }

  /** Once a second: measures rates, and forgets tracks that a reconnected publisher does not have any more. */
  tick(nowMs: number): void {
    this.#lanes.sample(nowMs);
    this.#bridges?.sample(nowMs);
    if (this.#bridges?.takeChanged() === true) this.#catalogDirty = true;
    if (!this.#connected) return;
    if (nowMs - this.#publisherSinceMs > REDESCRIBE_MS && this.#lanes.dropStale()) this.#catalogDirty = true;
    if (nowMs - this.#ratesUpdatedMs >= RATE_UPDATE_MS && this.#lanes.updateRates()) {
      this.#ratesUpdatedMs = nowMs;
      this.#catalogDirty = true;
    }
    this.announce();
  }

  /** Ends the broadcast in the store. Idempotent. */
  end(): void {
    this.#lanes.finishGroups();
    this.#bridges?.close();
    this.#deps.withdraw();
  }

  #buildCatalog(): Catalog {
    const { video, audio, canopy, ...extras } = this.#extraCatalog;
    const sections = this.#lanes.sections();
    // Which of his own renditions a publisher has transcoded is his business; `bridges` tells of ours.
    const { bridges: _, ...canopyExtras } = canopy ?? {};
    const renditions: Record<string, AudioRendition> = { ...sections.audio?.renditions };
    const bridges: Record<string, string> = {};
    // Behind the originals: players that do not know of bridges take the first that they can decode.
    for (const { name, source, rendition } of this.#bridges?.states() ?? []) {
      renditions[name] = rendition;
      bridges[name] = source;
    }
    return {
      ...(sections.video === undefined ? {} : { video: { ...video, ...sections.video } }),
      ...(sections.audio === undefined ? {} : { audio: { ...audio, ...sections.audio, renditions } }),
      canopy: {
        ...canopyExtras,
        ...(Object.keys(bridges).length === 0 ? {} : { bridges }),
        timed: { track: "timed" },
        publisher: this.#publisher.protocol,
        bFrames: this.#bFrames,
      },
      ...extras,
    };
  }
}
