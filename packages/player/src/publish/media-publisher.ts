import { type AudioRendition, encodeCatalog, type VideoRendition } from "@canopy/media/catalog";
import { normalizePath, ServedBroadcast, ServedTrack, type TrackInfo } from "@canopy/protocol";
import { type Clock, createBrowserClock } from "../clock.ts";
import { PlayerError } from "../player-error.ts";
import { AudioSender } from "./audio-sender.ts";
import { captureMedia } from "./capture-media.ts";
import type { OpenMedia } from "./open-media.ts";
import { PublishConnection } from "./publish-connection.ts";
import {
  type Publisher,
  type PublisherState,
  type PublisherStats,
  type PublishOptions,
  requireKind,
  type VideoLimits,
  videoLimitsOf,
} from "./publish-options.ts";
import { PublisherStatus } from "./publisher-status.ts";
import { VideoSender } from "./video-sender.ts";

const MICROSECONDS = 1_000_000;
const ADAPT_INTERVAL_MS = 500;
/** How long a catalog waits for the second of two kinds, so that most viewers get both at once. */
const CATALOG_WAIT_MS = 250;

/** Captures, encodes and serves one broadcast. */
export class MediaPublisher implements Publisher {
  readonly #options: PublishOptions;
  readonly #clock: Clock = createBrowserClock();
  readonly #catalogTrack: ServedTrack;
  readonly #videoTrack: ServedTrack;
  readonly #audioTrack: ServedTrack;
  readonly #broadcast: ServedBroadcast;
  #limits: VideoLimits;
  readonly #status: PublisherStatus;
  #media: OpenMedia | undefined;
  #connection: PublishConnection | undefined;
  #video: VideoSender | undefined;
  #audio: AudioSender | undefined;
  #videoRendition: VideoRendition | undefined;
  #audioRendition: AudioRendition | undefined;
  #offsetUs: number | undefined;
  #reconnects = 0;
  #adaptTimer: ReturnType<typeof setInterval> | undefined;
  #catalogTimer: ReturnType<typeof setTimeout> | undefined;

  /** Throws `PlayerError` "unsupported" or "configuration" when publishing cannot even begin. */
  constructor(options: PublishOptions) {
    if (typeof VideoEncoder !== "function" || typeof AudioEncoder !== "function") {
      throw new PlayerError(
        "unsupported",
        "this browser has no WebCodecs encoders, or the page is not secure",
      );
    }
    requireKind(options);
    const path = normalizePath(options.broadcast);
    if (path === "") throw new PlayerError("configuration", "the broadcast has no name");
    this.#options = options;
    this.#status = new PublisherStatus(options.onState);
    this.#limits = videoLimitsOf(options);
    const nowMs = this.#clock.nowUs() / 1000;
    this.#catalogTrack = new ServedTrack("catalog.json", trackInfo(100), nowMs);
    this.#videoTrack = new ServedTrack("video", trackInfo(60), nowMs);
    this.#audioTrack = new ServedTrack("audio", trackInfo(80), nowMs);
    this.#broadcast = new ServedBroadcast(path, [this.#catalogTrack, this.#videoTrack, this.#audioTrack]);
    void this.#start();
  }

  get state(): PublisherState {
    return this.#status.state;
  }

  get error(): PlayerError | undefined {
    return this.#status.error;
  }

  get stream(): MediaStream | undefined {
    return this.#media?.stream;
  }

  stats(): PublisherStats {
    const session = this.#connection?.stats;
    const video = this.#video?.stats();
    return {
      state: this.#status.state,
      codec: video?.codec,
      width: video?.size?.width ?? 0,
      height: video?.size?.height ?? 0,
      encodedFrames: video?.encodedFrames ?? 0,
      droppedFrames: video?.droppedFrames ?? 0,
      keyframes: video?.keyframes ?? 0,
      videoBytes: video?.encodedBytes ?? 0,
      audioBytes: this.#audio?.encodedBytes ?? 0,
      targetBitrate: video?.targetBps ?? 0,
      backlogBytes: session?.bufferedBytes ?? 0,
      rttMs: session?.rttMs ?? 0,
      sentBytes: session?.sentBytes ?? 0,
      lostPackets: session?.lostPackets ?? 0,
      reconnects: this.#reconnects,
      limitation: undefined,
      clockOffsetUs: this.#offsetUs,
    };
  }

  setVideo(limits: Partial<VideoLimits>): void {
    this.#limits = { ...this.#limits, ...limits };
    this.#video?.setLimits(this.#limits);
  }

  stop(): void {
    this.#finish("stopped", undefined);
  }

  async #start(): Promise<void> {
    try {
      const media = await captureMedia(this.#options, this.#limits);
      this.#media = media;
      media.onEnded(() => this.#finish("stopped", undefined));
      if (this.#status.isOver) {
        media.stop();
        return;
      }
    } catch (cause) {
      this.#finish("failed", PlayerError.of(cause, "configuration", "the source cannot be opened"));
      return;
    }
    this.#status.set("connecting");
    this.#connection = new PublishConnection(
      { url: this.#options.url, token: this.#options.token },
      {
        broadcast: this.#broadcast,
        clock: this.#clock,
        onUp: () => this.#onUp(),
        onDown: (error) => this.#onDown(error),
        onFailed: (error) => this.#finish("failed", error),
        onClockOffset: (offset) => this.#onClockOffset(offset?.offsetUs ?? 0),
      },
    );
  }

  #onUp(): void {
    this.#status.set("live");
    this.#video?.startAnew();
  }

  #onDown(error: PlayerError): void {
    if (this.#status.state === "live") this.#reconnects += 1;
    this.#status.set(this.#status.state === "connecting" ? "connecting" : "reconnecting", error);
  }

  /** Media starts with the first measurement: later ones would make its time jump. */
  #onClockOffset(offsetUs: number): void {
    if (this.#offsetUs !== undefined || this.#status.isOver) return;
    this.#offsetUs = offsetUs;
    this.#startSenders();
  }

  #startSenders(): void {
    const { video: videoOptions, audio: audioOptions } = this.#options;
    const stream = this.#media?.stream;
    const nowUs = (): number => this.#clock.nowUs() + (this.#offsetUs ?? 0);
    const onEnd = (error: PlayerError | undefined): void => this.#finish(error ? "failed" : "stopped", error);
    const [picture] = stream?.getVideoTracks() ?? [];
    const [sound] = stream?.getAudioTracks() ?? [];
    if (picture && videoOptions !== false) {
      this.#video = new VideoSender(
        picture,
        { limits: this.#limits, keyframeIntervalMs: videoOptions?.keyframeIntervalMs ?? 1_000 },
        {
          track: this.#videoTrack,
          nowUs,
          onEnd,
          onRendition: (rendition) => {
            this.#videoRendition = rendition;
            this.#announceCatalog();
          },
        },
      );
    }
    if (sound && audioOptions !== false) {
      this.#audio = new AudioSender(
        sound,
        { bitrateBps: audioOptions?.bitrate ?? 64_000 },
        {
          track: this.#audioTrack,
          nowUs,
          // Without its sound a broadcast goes on; without anything it ends.
          onEnd: (error) => {
            if (!this.#video) onEnd(error);
          },
          onRendition: (rendition) => {
            this.#audioRendition = rendition;
            this.#announceCatalog();
          },
        },
      );
    }
    if (!this.#video && !this.#audio) {
      this.#finish("failed", new PlayerError("configuration", "the source has no track of a wanted kind"));
      return;
    }
    this.#adaptTimer = setInterval(() => this.#video?.adapt(), ADAPT_INTERVAL_MS);
  }

  #announceCatalog(): void {
    const missing = (this.#video && !this.#videoRendition) || (this.#audio && !this.#audioRendition);
    clearTimeout(this.#catalogTimer);
    if (missing) this.#catalogTimer = setTimeout(() => this.#writeCatalog(), CATALOG_WAIT_MS);
    else this.#writeCatalog();
  }

  #writeCatalog(): void {
    if (this.#status.isOver) return;
    const bytes = encodeCatalog({
      ...(this.#videoRendition && { video: { renditions: { video: this.#videoRendition } } }),
      ...(this.#audioRendition && { audio: { renditions: { audio: this.#audioRendition } } }),
      canopy: { publisher: "moq" },
    });
    this.#catalogTrack.startGroup();
    this.#catalogTrack.write(Math.round(this.#clock.nowUs() + (this.#offsetUs ?? 0)), bytes);
    this.#catalogTrack.finishGroup();
  }

  #finish(state: "stopped" | "failed", error: PlayerError | undefined): void {
    if (this.#status.isOver) return;
    clearInterval(this.#adaptTimer);
    clearTimeout(this.#catalogTimer);
    this.#video?.stop();
    this.#audio?.stop();
    this.#connection?.close();
    this.#media?.stop();
    this.#status.set(state, error);
  }
}

function trackInfo(priority: number): TrackInfo {
  return { priority, ordered: false, maxLatencyMs: 30_000, timescale: MICROSECONDS };
}
