import type { AudioRendition, AudioSection, VideoRendition, VideoSection } from "@canopy/media/catalog";
import type { TrackInfo } from "@canopy/protocol";
import type { Broadcast, Track } from "@canopy/relay";
import type { TimedLane } from "../timed/timed-lane.ts";
import { AudioLane } from "./audio-lane.ts";
import { isWorthTelling } from "./rate-change.ts";
import { TrackMeter } from "./track-meter.ts";
import { VideoLane } from "./video-lane.ts";

/** One track of a broadcast that carries media. */
export interface MediaTrack<L, R> {
  readonly lane: L;
  readonly meter: TrackMeter;
  /** How it is to be decoded; undefined: it is not in the catalog (yet, or any more). */
  rendition: R | undefined;
  /** The rendition is the last publisher's, the current one has not described it. */
  stale: boolean;
}

export type VideoTrack = MediaTrack<VideoLane, VideoRendition>;
export type AudioTrack = MediaTrack<AudioLane, AudioRendition>;

export interface TrackLanesOptions {
  /** Span of one group of audio, ms. */
  readonly audioGroupMs: number;
}

export interface TrackLanesDeps {
  readonly broadcast: Broadcast;
  readonly timed: TimedLane;
  nowMs(): number;
}

export const AUDIO_PRIORITY = 80;
const VIDEO_PRIORITY = 60;
const TIMESCALE = 1_000_000;
/** How long groups stay for viewers that come late or are slow. */
const CACHE_MS = 10_000;
const MIN_MEASURED_SECONDS = 3;
/** Below this it is a slide show, whose rate says nothing. */
const MIN_FRAMERATE = 0.5;

/** The properties of all of Canopy's own tracks. */
export function trackInfo(priority: number): TrackInfo {
  return { priority, ordered: false, maxLatencyMs: CACHE_MS, timescale: TIMESCALE };
}

/** Makes a track of the broadcast. */
export function createTrack(broadcast: Broadcast, name: string, priority: number): Track {
  return broadcast.createTrack(name, trackInfo(priority));
}

/** The media tracks of one broadcast: made on demand, kept while the broadcast lives. */
export class TrackLanes {
  readonly videos = new Map<string, VideoTrack>();
  readonly audios = new Map<string, AudioTrack>();
  readonly #options: TrackLanesOptions;
  readonly #deps: TrackLanesDeps;

  constructor(options: TrackLanesOptions, deps: TrackLanesDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** The video track of that name, made when it is first asked for. Throws RelayError at the store's limits. */
  video(name: string): VideoTrack {
    let entry = this.videos.get(name);
    if (entry === undefined) {
      const { broadcast, timed, nowMs } = this.#deps;
      const meter = new TrackMeter();
      const lane = new VideoLane({
        track: createTrack(broadcast, name, VIDEO_PRIORITY),
        meter,
        timed,
        rendition: this.videos.size,
        nowMs,
      });
      entry = { lane, meter, rendition: undefined, stale: false };
      this.videos.set(name, entry);
    }
    return entry;
  }

  audio(name: string): AudioTrack {
    let entry = this.audios.get(name);
    if (entry === undefined) {
      const meter = new TrackMeter();
      const track = createTrack(this.#deps.broadcast, name, AUDIO_PRIORITY);
      const lane = new AudioLane({ groupUs: this.#options.audioGroupMs * 1_000 }, { track, meter });
      entry = { lane, meter, rendition: undefined, stale: false };
      this.audios.set(name, entry);
    }
    return entry;
  }

  *all(): Generator<VideoTrack | AudioTrack> {
    yield* this.videos.values();
    yield* this.audios.values();
  }

  /** True if the publisher has, or had, a track of that name. */
  has(name: string): boolean {
    return this.videos.has(name) || this.audios.has(name);
  }

  /** Those in the catalog. */
  audioRenditions(): Map<string, AudioRendition> {
    const found = new Map<string, AudioRendition>();
    for (const [name, { rendition }] of this.audios) if (rendition !== undefined) found.set(name, rendition);
    return found;
  }

  /** Newest presentation time that was written, µs. */
  get newestUs(): number | undefined {
    let newest: number | undefined;
    for (const { meter } of this.all()) {
      if (meter.newestUs !== undefined && (newest === undefined || meter.newestUs > newest))
        newest = meter.newestUs;
    }
    return newest;
  }

  /** True if some rendition can carry timed messages in its pictures. */
  get carrySei(): boolean {
    for (const { rendition } of this.videos.values()) if (rendition?.codec.startsWith("avc1")) return true;
    return false;
  }

  finishGroups(): void {
    for (const { lane } of this.all()) lane.finishGroup();
  }

  /** A new publisher: what was measured and described of the last one holds until he says otherwise. */
  restart(): void {
    for (const entry of this.all()) {
      entry.stale = true;
      entry.meter.restart();
    }
  }

  sample(nowMs: number): void {
    for (const { meter } of this.all()) meter.sample(nowMs);
  }

  /** Takes a track out of the catalog; the track itself stays for a publisher that brings it back. */
  withdraw(name: string): boolean {
    const entry = this.videos.get(name) ?? this.audios.get(name);
    if (entry === undefined) return false;
    entry.lane.finishGroup();
    entry.rendition = undefined;
    entry.stale = false;
    return true;
  }

  /** Drops what the current publisher has not described. Returns whether anything changed. */
  dropStale(): boolean {
    let changed = false;
    for (const entry of this.all()) {
      if (!entry.stale) continue;
      entry.stale = false;
      entry.rendition = undefined;
      changed = true;
    }
    return changed;
  }

  /** Puts measured rates where announced ones are missing or wrong. Returns whether anything changed. */
  updateRates(): boolean {
    let changed = false;
    for (const entry of this.all()) {
      const { meter, rendition } = entry;
      if (rendition === undefined || meter.measuredSeconds < MIN_MEASURED_SECONDS || meter.bitrateBps <= 0)
        continue;
      const bitrate = Number(meter.bitrateBps.toPrecision(2));
      if (!isWorthTelling(rendition.bitrate, bitrate)) continue;
      entry.rendition = { ...rendition, bitrate };
      changed = true;
    }
    for (const entry of this.videos.values()) {
      const { meter, rendition } = entry;
      if (rendition === undefined || rendition.framerate !== undefined) continue;
      if (meter.measuredSeconds < MIN_MEASURED_SECONDS || meter.framerate < MIN_FRAMERATE) continue;
      entry.rendition = { ...rendition, framerate: Math.round(meter.framerate) };
      changed = true;
    }
    return changed;
  }

  /** The catalog's sections; undefined where there is no rendition. */
  sections(): { readonly video: VideoSection | undefined; readonly audio: AudioSection | undefined } {
    return { video: section(this.videos), audio: section(this.audios) };
  }
}

function section<R>(
  tracks: ReadonlyMap<string, MediaTrack<unknown, R>>,
): { readonly renditions: Readonly<Record<string, R>> } | undefined {
  const entries: [string, R][] = [];
  for (const [name, { rendition }] of tracks) if (rendition !== undefined) entries.push([name, rendition]);
  return entries.length === 0 ? undefined : { renditions: Object.fromEntries(entries) };
}
