import type { AudioRendition, Catalog, VideoRendition } from "@canopy/media/catalog";
import type { TimedMessage } from "@canopy/media/timed";
import type { Broadcast, Track } from "@canopy/relay";
import type { Clock } from "@canopy/runtime";
import type { OriginError } from "../origin-error.ts";
import { type TimedKind, TimedLane } from "../timed/timed-lane.ts";
import type { TimedRequest } from "../timed/timed-scheduler.ts";
import { AudioLane } from "./audio-lane.ts";
import { type BroadcastWarning, broadcastWarnings } from "./broadcast-warnings.ts";
import { CatalogWriter } from "./catalog-writer.ts";
import type { IngestOptions } from "./ingest-options.ts";
import { MediaClock } from "./media-clock.ts";
import { TrackMeter } from "./track-meter.ts";
import { VideoLane } from "./video-lane.ts";

export type PublisherProtocol = "rtmp" | "moq" | "whip";

/** Whoever feeds a broadcast. */
export interface Publisher {
  readonly protocol: PublisherProtocol;
  readonly remoteAddress: string;
  /** Ends the publisher's connection and tells it why. */
  kick(error: OriginError): void;
}

export interface BroadcastIngestDeps {
  readonly broadcast: Broadcast;
  readonly clock: Clock;
  /** Takes the broadcast's way to this publisher out of the store. */
  withdraw(): void;
  createId(nowMs: number): string;
  countTimed(kind: TimedKind): void;
}

export interface TrackDescription {
  readonly name: string;
  readonly kind: "video" | "audio" | "data";
  readonly codec?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  /** Measured. */
  readonly framerate?: number;
  /** Measured, bits per second. */
  readonly bitrate?: number;
  readonly keyframeIntervalMs?: number;
}

export interface BroadcastDescription {
  readonly broadcast: string;
  readonly publisher: {
    readonly protocol: PublisherProtocol;
    readonly connected: boolean;
    /** ISO 8601. */
    readonly since: string;
  };
  /** Since when the broadcast is on, over reconnections, ISO 8601. */
  readonly startedAt: string;
  readonly tracks: readonly TrackDescription[];
  /** Measured over all tracks, bits per second. */
  readonly bitrate: number;
  readonly bFrames: boolean;
  /** Newest media time, µs since the Unix epoch. */
  readonly mediaTimeUs?: number;
  readonly pendingTimedMessages: number;
  readonly warnings: readonly BroadcastWarning[];
}

// Priorities of tracks: what is small and urgent first.
const CATALOG_PRIORITY = 100;
const TIMED_PRIORITY = 90;
const AUDIO_PRIORITY = 80;
const VIDEO_PRIORITY = 60;
const TIMESCALE = 1_000_000;
/** How long groups stay for viewers that come late or are slow. */
const CACHE_MS = 10_000;
/** A reconnected publisher has this long to describe its tracks again before those of the last one are dropped. */
const REDESCRIBE_MS = 2_000;
/** Measured rates replace the announced ones when they differ by more, and at most this often. */
const RATE_TOLERANCE = 0.3;
const RATE_UPDATE_MS = 10_000;
const MIN_MEASURED_SECONDS = 3;

interface Lane<L, R> {
  readonly track: Track;
  readonly lane: L;
  readonly meter: TrackMeter;
  rendition: R | undefined;
  /** The rendition is the last publisher's, the current one has not described it. */
  stale: boolean;
}

/**
 * One broadcast from its publisher's side: media clock, lanes into the store, catalog, timed messages, health.
 * It outlives a publisher that reconnects: tracks and group sequences go on.
 */
export class BroadcastIngest {
  readonly broadcast: Broadcast;
  readonly clock: MediaClock;
  readonly timed: TimedLane;
  readonly #options: IngestOptions;
  readonly #deps: BroadcastIngestDeps;
  readonly #catalog: CatalogWriter;
  readonly #videos = new Map<string, Lane<VideoLane, VideoRendition>>();
  readonly #audios = new Map<string, Lane<AudioLane, AudioRendition>>();
  readonly #startedMs: number;
  #publisher: Publisher;
  #connected = true;
  #publisherSinceMs: number;
  #detachedMs = 0;
  #catalogDirty = false;
  #bFrames = false;
  #held = false;
  #jumpsBefore = 0;
  #ratesUpdatedMs = 0;
  /** Root fields of a MoQ publisher's own catalog that are not ours. */
  #extraCatalog: Catalog = {};

  constructor(options: IngestOptions, publisher: Publisher, deps: BroadcastIngestDeps) {
    this.#options = options;
    this.#deps = deps;
    this.broadcast = deps.broadcast;
    this.clock = new MediaClock(options.clock);
    this.#publisher = publisher;
    this.#startedMs = deps.clock.nowMs();
    this.#publisherSinceMs = this.#startedMs;
    this.#catalog = new CatalogWriter({
      track: this.#createTrack("catalog.json", CATALOG_PRIORITY),
      nowUs: () => deps.clock.nowUs(),
    });
    this.timed = new TimedLane(options.timed, {
      track: this.#createTrack("timed", TIMED_PRIORITY),
      createId: (nowMs) => deps.createId(nowMs),
      count: (kind) => deps.countTimed(kind),
    });
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

  /** When the publisher went away, ms. */
  get detachedMs(): number {
    return this.#detachedMs;
  }

  /** Newest presentation time that was written, µs. */
  get newestUs(): number | undefined {
    let newest: number | undefined;
    for (const { meter } of this.#lanes()) {
      if (meter.newestUs !== undefined && (newest === undefined || meter.newestUs > newest))
        newest = meter.newestUs;
    }
    return newest;
  }

  // ------------------------------------------------------------------ the publisher

  /** A publisher takes the broadcast over, or comes back. */
  attach(publisher: Publisher): void {
    this.#finishGroups();
    this.#publisher = publisher;
    this.#connected = true;
    this.#publisherSinceMs = this.#deps.clock.nowMs();
    this.#jumpsBefore = this.clock.jumps;
    this.#held = false;
    this.clock.restart();
    for (const lane of this.#lanes()) {
      lane.stale = true;
      lane.meter.restart();
    }
  }

  /** The publisher is gone; what it began is complete. */
  detach(): void {
    this.#connected = false;
    this.#detachedMs = this.#deps.clock.nowMs();
    this.#finishGroups();
  }

  // ------------------------------------------------------------------ what upstreams write

  /** The lane of a video track, made when it is first asked for. Throws RelayError at the store's limits. */
  video(name: string): VideoLane {
    return this.#video(name).lane;
  }

  videoMeter(name: string): TrackMeter {
    return this.#video(name).meter;
  }

  audio(name: string): AudioLane {
    return this.#audio(name).lane;
  }

  /** How a track is to be decoded; undefined takes it out of the catalog. Sent with the next `announce`. */
  describeVideo(name: string, rendition: VideoRendition | undefined): void {
    const lane = this.#video(name);
    lane.rendition = rendition;
    lane.stale = false;
    this.#catalogDirty = true;
  }

  describeAudio(name: string, rendition: AudioRendition | undefined): void {
    const lane = this.#audio(name);
    lane.rendition = rendition;
    lane.stale = false;
    this.#catalogDirty = true;
  }

  /** Takes a track out of the catalog; the track itself stays for a publisher that brings it back. */
  withdraw(name: string): void {
    const lane = this.#videos.get(name) ?? this.#audios.get(name);
    if (lane === undefined) return;
    lane.lane.finishGroup();
    lane.rendition = undefined;
    lane.stale = false;
    this.#catalogDirty = true;
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
    this.#catalog.write(this.#buildCatalog());
  }

  /** The publisher was held back because it sends faster than real time. */
  noteHeld(): void {
    this.#held = true;
  }

  // ------------------------------------------------------------------ what the API asks

  /** @throws OriginError as `TimedScheduler.accept` */
  post(request: TimedRequest): TimedMessage {
    return this.timed.post(request, {
      nowUs: this.#deps.clock.nowUs(),
      newestUs: this.newestUs,
      hasVideo: this.#carriesSei(),
    });
  }

  describe(): BroadcastDescription {
    const tracks: TrackDescription[] = [];
    let bitrate = 0;
    for (const [name, { rendition, meter }] of this.#videos) {
      if (rendition === undefined) continue;
      bitrate += meter.bitrateBps;
      tracks.push({ name, kind: "video", ...describeVideoTrack(rendition, meter) });
    }
    for (const [name, { rendition, meter }] of this.#audios) {
      if (rendition === undefined) continue;
      bitrate += meter.bitrateBps;
      tracks.push({
        name,
        kind: "audio",
        codec: rendition.codec,
        sampleRate: rendition.sampleRate,
        channels: rendition.numberOfChannels,
        bitrate: Math.round(meter.bitrateBps),
      });
    }
    const known = new Set(tracks.map((track) => track.name));
    for (const [name, track] of this.broadcast.tracks) {
      if (!known.has(name) && !track.closed && !this.#videos.has(name) && !this.#audios.has(name)) {
        tracks.push({ name, kind: "data" });
      }
    }
    const newestUs = this.newestUs;
    return {
      broadcast: this.path,
      publisher: {
        protocol: this.#publisher.protocol,
        connected: this.#connected,
        since: new Date(this.#publisherSinceMs).toISOString(),
      },
      startedAt: new Date(this.#startedMs).toISOString(),
      tracks,
      bitrate: Math.round(bitrate),
      bFrames: this.#bFrames,
      ...(newestUs === undefined ? {} : { mediaTimeUs: newestUs }),
      pendingTimedMessages: this.timed.pending,
      warnings: this.warnings(),
    };
  }

  warnings(): BroadcastWarning[] {
    let keyframeIntervalMs: number | undefined;
    let droppedFrames = 0;
    let awaitsKeyframe = false;
    let hasVideo = false;
    for (const { meter, lane } of this.#videos.values()) {
      hasVideo ||= meter.measuredSeconds > 0 ? meter.framerate > 0 : meter.frames > 0;
      hasVideo ||= lane.awaitsKeyframe && meter.droppedFrames > 0;
      awaitsKeyframe ||= lane.awaitsKeyframe;
      droppedFrames += meter.droppedFrames;
      const current = this.#connected ? meter.sinceKeyframeMs(meter.newestUs ?? 0) : 0;
      const interval = Math.max(meter.keyframeIntervalMs ?? 0, current);
      if (interval > 0) keyframeIntervalMs = Math.max(keyframeIntervalMs ?? 0, interval);
    }
    let hasAudio = false;
    for (const { meter } of this.#audios.values()) hasAudio ||= meter.frames > 0;
    return broadcastWarnings({
      ageMs: this.#deps.clock.nowMs() - this.#publisherSinceMs,
      connected: this.#connected,
      hasVideo,
      hasAudio,
      bFrames: this.#bFrames,
      keyframeIntervalMs,
      awaitsKeyframe,
      timestampJumps: this.clock.jumps - this.#jumpsBefore,
      held: this.#held,
      droppedFrames,
    });
  }

  /** Once a second: measures rates, and forgets tracks that a reconnected publisher does not have any more. */
  tick(nowMs: number): void {
    for (const { meter } of this.#lanes()) meter.sample(nowMs);
    if (!this.#connected) return;
    if (nowMs - this.#publisherSinceMs > REDESCRIBE_MS) this.#dropStale();
    if (nowMs - this.#ratesUpdatedMs >= RATE_UPDATE_MS) this.#updateRates(nowMs);
    this.announce();
  }

  /** Ends the broadcast in the store. Idempotent. */
  end(): void {
    this.#finishGroups();
    this.#deps.withdraw();
  }

  // ------------------------------------------------------------------ inside

  *#lanes(): Generator<Lane<VideoLane | AudioLane, VideoRendition | AudioRendition>> {
    yield* this.#videos.values();
    yield* this.#audios.values();
  }

  #finishGroups(): void {
    for (const { lane } of this.#lanes()) lane.finishGroup();
  }

  #createTrack(name: string, priority: number): Track {
    return this.broadcast.createTrack(name, {
      priority,
      ordered: false,
      maxLatencyMs: CACHE_MS,
      timescale: TIMESCALE,
    });
  }

  #video(name: string): Lane<VideoLane, VideoRendition> {
    let entry = this.#videos.get(name);
    if (entry === undefined) {
      const track = this.#createTrack(name, VIDEO_PRIORITY);
      const meter = new TrackMeter();
      const lane = new VideoLane({ track, meter, timed: this.timed, nowMs: () => this.#deps.clock.nowMs() });
      entry = { track, lane, meter, rendition: undefined, stale: false };
      this.#videos.set(name, entry);
    }
    return entry;
  }

  #audio(name: string): Lane<AudioLane, AudioRendition> {
    let entry = this.#audios.get(name);
    if (entry === undefined) {
      const track = this.#createTrack(name, AUDIO_PRIORITY);
      const meter = new TrackMeter();
      const lane = new AudioLane({ groupUs: this.#options.audioGroupMs * 1_000 }, { track, meter });
      entry = { track, lane, meter, rendition: undefined, stale: false };
      this.#audios.set(name, entry);
    }
    return entry;
  }

  #carriesSei(): boolean {
    for (const { rendition } of this.#videos.values()) if (rendition?.codec.startsWith("avc")) return true;
    return false;
  }

  #dropStale(): void {
    for (const lane of this.#lanes()) {
      if (!lane.stale) continue;
      lane.stale = false;
      lane.rendition = undefined;
      this.#catalogDirty = true;
    }
  }

  #updateRates(nowMs: number): void {
    for (const lane of this.#lanes()) {
      const { meter, rendition } = lane;
      if (rendition === undefined || meter.measuredSeconds < MIN_MEASURED_SECONDS || meter.bitrateBps <= 0)
        continue;
      this.#ratesUpdatedMs = nowMs;
      const measured = Number(meter.bitrateBps.toPrecision(2));
      if (!differs(rendition.bitrate, measured)) continue;
      lane.rendition = { ...rendition, bitrate: measured };
      this.#catalogDirty = true;
    }
    for (const lane of this.#videos.values()) {
      const { meter, rendition } = lane;
      if (rendition === undefined || rendition.framerate !== undefined) continue;
      if (meter.measuredSeconds < MIN_MEASURED_SECONDS || meter.framerate < 0.5) continue;
      lane.rendition = { ...rendition, framerate: Math.round(meter.framerate) };
      this.#catalogDirty = true;
    }
  }

  #buildCatalog(): Catalog {
    const videos = [...this.#videos].flatMap(([name, { rendition }]) =>
      rendition === undefined ? [] : [[name, rendition] as const],
    );
    const audios = [...this.#audios].flatMap(([name, { rendition }]) =>
      rendition === undefined ? [] : [[name, rendition] as const],
    );
    const { video, audio, canopy, ...extras } = this.#extraCatalog;
    return {
      ...(videos.length === 0 ? {} : { video: { ...video, renditions: Object.fromEntries(videos) } }),
      ...(audios.length === 0 ? {} : { audio: { ...audio, renditions: Object.fromEntries(audios) } }),
      canopy: {
        ...canopy,
        timed: { track: "timed" },
        publisher: this.#publisher.protocol,
        bFrames: this.#bFrames,
      },
      ...extras,
    };
  }
}

function describeVideoTrack(rendition: VideoRendition, meter: TrackMeter): Partial<TrackDescription> {
  return {
    codec: rendition.codec,
    ...(rendition.codedWidth === undefined ? {} : { width: rendition.codedWidth }),
    ...(rendition.codedHeight === undefined ? {} : { height: rendition.codedHeight }),
    framerate: Math.round(meter.framerate * 10) / 10,
    bitrate: Math.round(meter.bitrateBps),
    ...(meter.keyframeIntervalMs === undefined
      ? {}
      : { keyframeIntervalMs: Math.round(meter.keyframeIntervalMs) }),
  };
}

function differs(announced: number | undefined, measured: number): boolean {
  if (announced === undefined || announced <= 0) return true;
  return Math.abs(measured - announced) / announced > RATE_TOLERANCE;
}
