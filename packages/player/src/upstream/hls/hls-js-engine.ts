import { TIMED_SEI_UUID } from "@canopy/media/timed";
import type Hls from "hls.js";
import type { ErrorData, FragBufferedData, HlsConfig, LevelDetails } from "hls.js";
import { PlayerError } from "../../player-error.ts";
import { BackBuffer } from "./back-buffer.ts";
import type { HlsEngine, HlsEngineDeps } from "./hls-engine.ts";
import { type DatedSegment, MediaTimeline } from "./media-timeline.ts";
import {
  readAttribute,
  readId3Messages,
  readMessage,
  TIMED_ATTRIBUTE,
  TIMED_CLASS,
} from "./read-hls-message.ts";

/** user_data_unregistered (ISO/IEC 14496-10 §D.1.7). */
const SEI_USER_DATA = 5;

/** Before the first playlist says it: three parts of a third of a second. */
const USUAL_HOLD_BACK_S = 1;

/** Between two playlists the live edge is taken to go on; a server that says nothing for longer has nothing newer. */
const MAX_SILENCE_S = 1;

/** A decoder that fails again within this is not helped by starting it anew. */
const RECOVERY_PAUSE_MS = 10_000;

const FORWARD_BUFFER_S = 10;

/** Parts that end within this of each other are the same. */
const NEWEST_S = 0.05;

/** Date ranges are listed for some seconds each, at 30 a second. */
const MAX_KNOWN_RANGES = 2_048;

/**
 * Waits for the server are bounded, but a playlist that is asked for ahead of its time (blocking reload) is answered
 * only when its part is there, and after three target durations of silence (rfc8216bis §6.2.5.2).
 */
const PLAYLIST_POLICY = {
  default: {
    maxTimeToFirstByteMs: 8_000,
    maxLoadTimeMs: 10_000,
    timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 2, retryDelayMs: 500, maxRetryDelayMs: 2_000 },
  },
};

const SEGMENT_POLICY = {
  default: {
    maxTimeToFirstByteMs: 6_000,
    maxLoadTimeMs: 20_000,
    timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 3, retryDelayMs: 500, maxRetryDelayMs: 2_000 },
  },
};

const GOAWAY_HEADER = "canopy-goaway";

const CONFIG: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // Taking parts apart is little work. While a worker does it a playlist can complete the segment; hls.js then takes a
  // last part of less than 200 ms for buffered, and stands still.
  enableWorker: false,
  // See `BackBuffer`.
  backBufferLength: Number.POSITIVE_INFINITY,
  maxBufferLength: FORWARD_BUFFER_S,
  // Rate and distance are ours to keep: it would only ever hurry, and never come back after a stall.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0,
  // Text tracks that nobody reads: messages come by events.
  enableID3MetadataCues: false,
  enableDateRangeMetadataCues: false,
  enableEmsgMetadataCues: true,
  manifestLoadPolicy: PLAYLIST_POLICY,
  playlistLoadPolicy: PLAYLIST_POLICY,
  fragLoadPolicy: SEGMENT_POLICY,
};

/** hls.js and what it knows about the broadcast. */
export class HlsJsEngine implements HlsEngine {
  readonly #hls: Hls;
  readonly #deps: HlsEngineDeps;
  readonly #timeline = new MediaTimeline();
  readonly #backBuffer = new BackBuffer();
  readonly #knownRanges = new Set<string>();
  #receivedBytes = 0;
  #recoveredAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: { readonly url: string; readonly Hls: typeof Hls }, deps: HlsEngineDeps) {
    this.#deps = deps;
    this.#hls = new options.Hls({ ...CONFIG });
    this.#listen(options.Hls);
    this.#hls.loadSource(options.url);
  }

  get holdBackS(): number {
    return this.#hls.targetLatency ?? USUAL_HOLD_BACK_S;
  }

  get toleranceUs(): number {
    return this.#timeline.toleranceUs;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get videoCodec(): string | undefined {
    return this.#level?.videoCodec;
  }

  get audioCodec(): string | undefined {
    return this.#level?.audioCodec;
  }

  get #level() {
    const { levels, currentLevel, loadLevel } = this.#hls;
    return levels[currentLevel >= 0 ? currentLevel : loadLevel];
  }

  mediaUs(seconds: number): number | undefined {
    return this.#timeline.mediaUs(seconds);
  }

  /** hls.js has this figure too, but as old as the last `timeupdate`: of an element that stands still it says nothing. */
  behindEdgeS(seconds: number): number | undefined {
    const details = this.#hls.latestLevelDetails;
    if (details === null) return undefined;
    const behindS = details.edge + Math.min(details.age, MAX_SILENCE_S) - seconds;
    return behindS > 0 ? behindS : undefined;
  }

  attach(element: HTMLVideoElement): void {
    this.#hls.attachMedia(element);
  }

  isAttached(element: HTMLVideoElement): boolean {
    return this.#hls.media === element;
  }

  detach(): void {
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hls.destroy();
  }

  #listen({ Events }: typeof Hls): void {
    const hls = this.#hls;
    hls.on(Events.LEVEL_UPDATED, (_event, { details }) => {
      this.#timeline.setSegments(segmentsOf(details));
      this.#readDateRanges(details);
    });
    hls.on(Events.LEVEL_LOADED, (_event, { networkDetails }) => {
      const to = readGoaway(networkDetails);
      if (to !== undefined) this.#deps.onGoaway(to);
    });
    hls.on(Events.LEVEL_PTS_UPDATED, (_event, { details }) =>
      this.#timeline.setSegments(segmentsOf(details)),
    );
    hls.on(Events.INIT_PTS_FOUND, (_event, { id, frag, initPTS, timescale }) => {
      if (id === "main" && timescale > 0) this.#timeline.setOrigin(frag.cc, initPTS / timescale);
    });
    hls.on(Events.FRAG_LOADED, (_event, { payload }) => {
      this.#receivedBytes += payload.byteLength;
    });
    hls.on(Events.FRAG_BUFFERED, (_event, data) => {
      const removed = this.#removable(data);
      if (removed !== undefined) hls.trigger(Events.BUFFER_FLUSHING, { startOffset: 0, ...removed });
    });
    hls.on(Events.FRAG_PARSING_USERDATA, (_event, { samples }) => {
      for (const { payloadType, uuid, userDataBytes } of samples) {
        if (payloadType !== SEI_USER_DATA || uuid !== TIMED_SEI_UUID || userDataBytes === undefined) continue;
        const message = readMessage(userDataBytes);
        if (message !== undefined) this.#deps.onMessage(message);
      }
    });
    hls.on(Events.FRAG_PARSING_METADATA, (_event, { samples }) => {
      for (const { data } of samples) {
        for (const message of readId3Messages(data)) this.#deps.onMessage(message);
      }
    });
    hls.on(Events.ERROR, (_event, data) => this.#onError(data));
  }

  /** What there is no need to keep any longer, now that something else is in the buffer. */
  #removable({ frag, part }: FragBufferedData) {
    const { media, latestLevelDetails, audioTracks, audioTrack } = this.#hls;
    if (media === null) return undefined;
    const isMain = frag.type === "main";
    const type = isMain && frag.elementaryStreams.audio === null ? ("video" as const) : ("audio" as const);
    const details = isMain ? latestLevelDetails : audioTracks[audioTrack]?.details;
    const isIdle = part === null || part.end >= (details?.partEnd ?? 0) - NEWEST_S;
    const endOffset = this.#backBuffer.update({
      ...{ type, isIdle },
      startS: frag.start,
      positionS: media.currentTime,
    });
    return endOffset === undefined ? undefined : { endOffset, type };
  }

  #readDateRanges({ dateRanges }: LevelDetails): void {
    for (const id in dateRanges) {
      const range = dateRanges[id];
      if (range?.class !== TIMED_CLASS || this.#knownRanges.has(id)) continue;
      this.#knownRanges.add(id);
      if (this.#knownRanges.size > MAX_KNOWN_RANGES) forgetFirst(this.#knownRanges);
      const message = readAttribute(range.attr[TIMED_ATTRIBUTE] ?? "");
      if (message !== undefined) this.#deps.onMessage(message);
    }
  }

  #onError(data: ErrorData): void {
    const { fatal, details, type, response } = data;
    const status = response?.code ?? 0;
    const isPlaylist = /^(manifest|level|audioTrack)Load/.test(details);
    // A playlist that is gone does not come back: the broadcast has ended, or its token has.
    if (!fatal && !(isPlaylist && status >= 400 && status < 500)) return;
    const cause = data.error;
    if (/IncompatibleCodecs|AddCodec|manifestParsing/.test(details)) {
      this.#deps.onFailed(
        new PlayerError("codec", `the browser cannot play these playlists: ${details}`, cause),
      );
      return;
    }
    const nowMs = performance.now();
    if (type === "mediaError" && nowMs - this.#recoveredAtMs > RECOVERY_PAUSE_MS) {
      this.#recoveredAtMs = nowMs;
      this.#hls.recoverMediaError();
      return;
    }
    const text = status === 0 ? details : `${details}, HTTP ${status}`;
    this.#deps.onLost(
      new PlayerError(type === "mediaError" ? "decode" : "unreachable", `HLS: ${text}`, cause),
    );
  }
}

/** An edge that is about to stop names another one with every answer, or `*` for any. */
function readGoaway(details: XMLHttpRequest | Response | null): string | undefined {
  if (details === null) return undefined;
  const value =
    details instanceof XMLHttpRequest
      ? details.getResponseHeader(GOAWAY_HEADER)
      : details.headers.get(GOAWAY_HEADER);
  return value === null ? undefined : value === "*" ? "" : value;
}

function segmentsOf({ fragments, fragmentHint }: LevelDetails): DatedSegment[] {
  const all = fragmentHint === undefined ? fragments : [...fragments, fragmentHint];
  return all.map(({ start, duration, programDateTime, cc }) => ({
    startS: start,
    durationS: duration,
    dateMs: programDateTime,
    discontinuity: cc,
  }));
}

function forgetFirst(set: Set<string>): void {
  for (const first of set) {
    set.delete(first);
    return;
  }
}
