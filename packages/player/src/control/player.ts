import type { Catalog } from "@canopy/media/catalog";
import type { Clock } from "../clock.ts";
import { PlayerError } from "../player-error.ts";
import { audioDecoderConfig } from "../present/audio-track.ts";
import type { FrameScheduler } from "../present/frame-scheduler.ts";
import { Playback } from "../present/playback.ts";
import type { PresentedFrame } from "../present/presented-log.ts";
import { videoDecoderConfig } from "../present/video-track.ts";
import { chooseTransports } from "../upstream/choose-transports.ts";
import { parseSources } from "../upstream/edge-url.ts";
import type { TransportName, UpstreamFactory } from "../upstream/upstream.ts";
import { BitrateMeter } from "./bitrate-meter.ts";
import { type ChosenRenditions, chooseRenditions, videoRenditionNames } from "./choose-renditions.ts";
import { Connection } from "./connection.ts";
import { decodableCodecs } from "./decoder-support.ts";
import { decodingKey } from "./decoding-key.ts";
import { PlayerEventTarget } from "./player-events.ts";
import { nextState, type PlayerSignal, type PlayerState } from "./player-state.ts";
import type { PlayerStats } from "./player-stats.ts";
import { wishedLatencyMs } from "./wished-latency.ts";

export interface PlayerOptions {
  /** One edge or several, separated by commas, in order of preference. */
  readonly src: string;
  /** Path of the broadcast, relative to the path of `src`. */
  readonly broadcast: string;
  readonly token?: string | undefined;
  /** Such as `webtransport,hls`; default: all, in the order that suits the browser. */
  readonly transports?: string | undefined;
  /** Wished latency from capture to picture, ms. Default: 100, with `sync` 150. More where the network needs it. */
  readonly latencyMs?: number | undefined;
  /** Present at the same time as every other viewer with the same latency. */
  readonly sync?: boolean | undefined;
  readonly muted?: boolean | undefined;
  /** 0 to 1. */
  readonly volume?: number | undefined;
  /** Where to paint; without it pictures are only decoded and timed. */
  readonly canvas?: HTMLCanvasElement | OffscreenCanvas | undefined;
  /** For transports that present in the browser's own element. */
  readonly mediaElement?: HTMLVideoElement | undefined;
  /** Called for every frame at the moment it is painted. */
  readonly onFramePresented?: ((frame: PresentedFrame) => void) | undefined;
}

export interface PlayerDeps {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  readonly random: () => number;
  readonly userAgent: string;
  readonly upstreams: readonly UpstreamFactory[];
  readonly createScheduler: () => FrameScheduler;
  readonly createPainter: (canvas: HTMLCanvasElement | OffscreenCanvas) => { paint(frame: VideoFrame): void };
}

/** Plays one broadcast. Control only: no element, no attribute, no style. */
export class Player extends PlayerEventTarget implements AsyncDisposable {
  readonly #options: PlayerOptions;
  readonly #deps: PlayerDeps;
  #state: PlayerState = "idle";
  #transport: TransportName | undefined;
  #connection: Connection | undefined;
  #playback: Playback | undefined;
  #catalog: Catalog | undefined;
  #catalogVersion = 0;
  #codecs: ReadonlySet<string> = new Set();
  #chosen: ChosenRenditions | undefined;
  #videoKey = "";
  #audioKey = "";
  #wishedRendition: string | undefined;
  #hasEnded = false;
  #isHidden = false;
  #isMuted: boolean;
  #volume: number;
  #bitrate = new BitrateMeter();
  #playAtUs = 0;

  constructor(options: PlayerOptions, deps: PlayerDeps) {
    super();
    this.#options = options;
    this.#deps = deps;
    this.#isMuted = options.muted ?? false;
    this.#volume = options.volume ?? 1;
  }

  get state(): PlayerState {
    return this.#state;
  }

  get transport(): TransportName | undefined {
    return this.#transport;
  }

  /** Capture to picture of the frame presented last, ms; 0 before the first. */
  get latencyMs(): number {
    return (this.#playback?.presented.last?.latencyUs ?? 0) / 1000;
  }

  get muted(): boolean {
    return this.#isMuted;
  }

  set muted(muted: boolean) {
    this.#isMuted = muted;
    this.#playback?.sound.setMuted(muted);
    this.#emitSound();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#playback?.sound.setVolume(this.#volume);
    this.#emitSound();
  }

  /** The browser holds sound back until the viewer does something. */
  get isSoundBlocked(): boolean {
    return this.#playback?.sound.isBlocked ?? false;
  }

  /** Plays from the live edge. Does nothing while it plays. */
  play(): void {
    if (this.#state !== "idle" && this.#state !== "failed") return;
    this.#stop();
    this.#playAtUs = this.#deps.clock.nowUs();
    const { transports, sync = false } = this.#options;
    const latencyMs = wishedLatencyMs(this.#options.latencyMs, sync);
    const choice = chooseTransports(transports, this.#deps.upstreams, this.#deps.userAgent);
    let sources: string[];
    try {
      sources = parseSources(this.#options.src);
      if (choice.factories.length === 0) {
        throw new PlayerError("unsupported", choice.reasons.join("; ") || "no transport");
      }
    } catch (error) {
      this.#fail(error instanceof PlayerError ? error : new PlayerError("configuration", String(error)));
      return;
    }
    this.#signal("play");
    const playback = this.#openPlayback(latencyMs * 1000, sync);
    this.#playback = playback;
    this.#connection = new Connection(
      {
        sources,
        factories: choice.factories,
        request: {
          broadcast: this.#options.broadcast,
          token: this.#options.token,
          latencyMs,
          mediaElement: this.#options.mediaElement,
        },
      },
      {
        clock: this.#deps.clock,
        fetch: this.#deps.fetch,
        random: this.#deps.random,
        sink: {
          onCatalog: (catalog) => void this.#onCatalog(catalog),
          onGroupOpen: (...args) => playback.onGroupOpen(...args),
          onFrame: (...args) => playback.onFrame(...args),
          onGroupEnd: (...args) => playback.onGroupEnd(...args),
          onElementFrame: (frame) => playback.onElementFrame(frame),
          onTimed: (message, source) => playback.timed.add(message, source),
          onAnnounced: () => this.#onAnnounced(),
          onEnded: () => this.#onEnded(),
        },
        onTransport: (transport) => this.#setTransport(transport),
        onClockOffset: ({ offsetUs }) => playback.timing.setServerOffset(offsetUs),
        onLost: (error) => this.#onLost(error),
        onFailed: (error) => this.#fail(error),
      },
    );
  }

  /** Stops receiving; the last picture stays. `play()` goes on at the live edge. */
  pause(): void {
    if (this.#state === "idle") return;
    this.#stop();
    this.#signal("pause");
  }

  /** Lets sound out; call it in a gesture of the viewer. */
  unlockSound(): void {
    this.#playback?.sound.allow();
  }

  /** Plays this video rendition (a name in `stats().renditions`), or the best one for undefined. */
  setRendition(name: string | undefined): void {
    this.#wishedRendition = name;
    this.#applyCatalog();
  }

  /** Tells whether anybody can see the picture; hidden, only sound is decoded. */
  setHidden(hidden: boolean): void {
    this.#isHidden = hidden;
    this.#playback?.setHidden(hidden);
  }

  /** The network came back. */
  retryNow(): void {
    this.#connection?.retryNow();
  }

  stats(): PlayerStats {
    const playback = this.#playback;
    const nowUs = this.#deps.clock.nowUs();
    const upstream = this.#connection?.upstream?.stats();
    const offset = this.#connection?.offset;
    const sound = playback?.sound.output?.report;
    const buffered = (playback?.video ?? playback?.audio)?.buffer.newestUs ?? Number.NEGATIVE_INFINITY;
    const bufferedUs = playback === undefined ? 0 : buffered - playback.timing.clock.mediaUs(nowUs);
    const receivedBytes = upstream?.receivedBytes ?? 0;
    return {
      state: this.#state,
      transport: this.#transport,
      src: this.#connection?.src,
      latencyMs: this.latencyMs,
      isLatencyAbsolute: playback?.timing.isAbsolute ?? false,
      targetLatencyMs: (playback?.timing.targetUs ?? 0) / 1000,
      jitterMs: (playback?.timing.jitterUs ?? 0) / 1000,
      rttMs: (upstream?.rttMs ?? 0) || (offset?.roundTripUs ?? 0) / 1000,
      clockOffsetMs: (offset?.offsetUs ?? 0) / 1000,
      clockUncertaintyMs: (offset?.uncertaintyUs ?? 0) / 1000,
      bufferMs: Number.isFinite(bufferedUs) ? Math.max(0, bufferedUs / 1000) : 0,
      playbackRate: playback?.timing.clock.rate ?? 0,
      bitrateBps: this.#measureBitrate(),
      receivedBytes,
      decodedFrames: playback?.video?.decodedFrames ?? 0,
      presentedFrames: playback?.presented.count ?? 0,
      droppedFrames: playback?.droppedFrames ?? 0,
      gaps: playback?.gaps ?? 0,
      lostGroups: upstream?.lostGroups ?? 0,
      stalls: playback?.stalls ?? 0,
      audioUnderruns: sound?.underruns ?? 0,
      avSkewMs: (sound?.behindS ?? 0) * 1000,
      audioPeak: sound?.peak ?? 0,
      fps: playback?.presented.fps(nowUs) ?? 0,
      width: playback?.size.width ?? 0,
      height: playback?.size.height ?? 0,
      videoCodec: this.#chosen?.video?.rendition.codec,
      audioCodec: this.#chosen?.audio?.rendition.codec,
      rendition: this.#chosen?.video?.name,
      renditions: this.#renditions(),
      joinMs: this.#joinMs(),
      reconnects: this.#connection?.reconnects ?? 0,
      presentedTimestampsUs: playback?.presented.timestampsUs() ?? [],
    };
  }

  /** Ends everything. Idempotent. */
  close(): void {
    this.pause();
    this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #openPlayback(latencyUs: number, isSync: boolean): Playback {
    const { canvas, onFramePresented } = this.#options;
    const playback = new Playback(
      { latencyUs, isSync, isMuted: this.#isMuted, volume: this.#volume },
      {
        clock: this.#deps.clock,
        scheduler: this.#deps.createScheduler(),
        painter: canvas === undefined ? undefined : this.#deps.createPainter(canvas),
        onPresented: (frame) => onFramePresented?.(frame),
        onTimed: (detail) => this.emit("timed", detail),
        onPresenting: () => this.#onPresenting(),
        onStarved: () => this.#onStarved(),
        onError: (error) => this.#onPlaybackError(error),
        onSoundChange: () => this.#emitSound(),
      },
    );
    playback.setHidden(this.#isHidden);
    return playback;
  }

  async #onCatalog(catalog: Catalog): Promise<void> {
    this.#catalogVersion += 1;
    const version = this.#catalogVersion;
    const codecs = await decodableCodecs(catalog);
    if (version !== this.#catalogVersion || this.#playback === undefined) return;
    this.#catalog = catalog;
    this.#codecs = codecs;
    this.#applyCatalog();
  }

  #applyCatalog(): void {
    const catalog = this.#catalog;
    if (catalog === undefined || this.#playback === undefined) return;
    const chosen = chooseRenditions(catalog, this.#wishedRendition, (codec) => this.#codecs.has(codec));
    if (chosen.video === undefined && chosen.audio === undefined) {
      // An empty catalog is one that its publisher has not filled yet.
      if (Object.keys({ ...catalog.video?.renditions, ...catalog.audio?.renditions }).length === 0) return;
      this.#fail(new PlayerError("codec", "this browser can decode none of the broadcast's renditions"));
      return;
    }
    this.#chosen = chosen;
    const { video, audio } = chosen;
    const bFrames = catalog.canopy?.bFrames === true;
    const videoConfig = video && videoDecoderConfig(video.rendition, bFrames);
    const videoKey = decodingKey(video?.name, videoConfig);
    if (videoKey !== this.#videoKey) {
      this.#videoKey = videoKey;
      this.#playback.setVideo(video?.name, videoConfig);
    }
    const audioConfig = audio && audioDecoderConfig(audio.rendition);
    const audioKey = decodingKey(audio?.name, audioConfig);
    if (audioKey !== this.#audioKey) {
      this.#audioKey = audioKey;
      this.#playback.setAudio(audio?.name, audioConfig);
    }
    this.#connection?.select({ video: video?.name, audio: audio?.name });
    this.emit("tracks", { rendition: video?.name, renditions: this.#renditions() });
  }

  #onPresenting(): void {
    this.#connection?.onMedia();
    this.#measureBitrate();
    // What is left of an ended broadcast is still shown, but does not bring it back.
    if (!this.#hasEnded) this.#signal("presenting");
  }

  #onStarved(): void {
    if (this.#hasEnded) {
      this.#signal("ended");
      return;
    }
    this.#connection?.onStarved();
    this.#signal("starved");
  }

  #onAnnounced(): void {
    if (!this.#hasEnded) return;
    this.#hasEnded = false;
    this.#playback?.onPathChange();
    this.#signal("announced");
  }

  #onEnded(): void {
    this.#hasEnded = true;
    // What has arrived is played to its end; `onStarved` follows it.
    if (this.#playback?.isDrained !== false || this.#state !== "playing") this.#signal("ended");
  }

  #onLost(error: PlayerError): void {
    this.#playback?.onPathChange();
    this.emit("error", { error, fatal: false });
  }

  #onPlaybackError(error: PlayerError): void {
    if (error.code === "codec") this.#fail(error);
    else this.emit("error", { error, fatal: false });
  }

  #fail(error: PlayerError): void {
    this.#stop();
    this.#signal("failed");
    this.emit("error", { error, fatal: true });
  }

  #stop(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#playback?.close();
    this.#playback = undefined;
    this.#catalog = undefined;
    this.#catalogVersion += 1;
    this.#chosen = undefined;
    this.#videoKey = "";
    this.#audioKey = "";
    this.#hasEnded = false;
    this.#bitrate = new BitrateMeter();
    this.#setTransport(undefined);
  }

  #setTransport(transport: TransportName | undefined): void {
    if (this.#transport === transport) return;
    this.#transport = transport;
    this.emit("transportchange", { transport });
  }

  #signal(signal: PlayerSignal): void {
    const previous = this.#state;
    const state = nextState(previous, signal);
    if (state === previous) return;
    this.#state = state;
    this.emit("statechange", { state, previous });
  }

  #emitSound(): void {
    this.emit("soundchange", {
      isBlocked: this.isSoundBlocked,
      isMuted: this.#isMuted,
      volume: this.#volume,
    });
  }

  #measureBitrate(): number {
    const receivedBytes = this.#connection?.upstream?.stats().receivedBytes ?? 0;
    return this.#bitrate.update(this.#deps.clock.nowUs(), receivedBytes);
  }

  #renditions(): string[] {
    return this.#catalog === undefined
      ? []
      : videoRenditionNames(this.#catalog, (codec) => this.#codecs.has(codec));
  }

  #joinMs(): number | undefined {
    const firstUs = this.#playback?.firstPaintUs;
    return firstUs === undefined ? undefined : (firstUs - this.#playAtUs) / 1000;
  }
}
