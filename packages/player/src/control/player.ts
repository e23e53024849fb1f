import type { Clock } from "../clock.ts";
import { PlayerError } from "../player-error.ts";
import type { Picture } from "../present/canvas-painter.ts";
import type { FrameScheduler } from "../present/frame-scheduler.ts";
import { Playback } from "../present/playback.ts";
import type { PresentedFrame } from "../present/presented-log.ts";
import { chooseTransports } from "../upstream/choose-transports.ts";
import { parseSources } from "../upstream/edge-url.ts";
import { locateEdges } from "../upstream/locate-edges.ts";
import type { WebSocketMapping } from "../upstream/moq/dial-web-socket.ts";
import type { TransportMemory } from "../upstream/transport-memory.ts";
import type { TransportName, UpstreamFactory } from "../upstream/upstream.ts";
import { BitrateMeter } from "./bitrate-meter.ts";
import { Connection } from "./connection.ts";
import { PlayerEventTarget } from "./player-events.ts";
import { nextState, type PlayerSignal, type PlayerState } from "./player-state.ts";
import type { PlayerStats } from "./player-stats.ts";
import { readStats } from "./read-stats.ts";
import { TrackChoice } from "./track-choice.ts";
import { wishedLatencyMs } from "./wished-latency.ts";

export interface PlayerOptions {
  /** One edge or several, separated by commas, in order of preference. */
  readonly src: string;
  /**
   * Nodes that know which edges this viewer should take, separated by commas; then `src` is what is tried while none
   * of them answers, and may be empty.
   */
  readonly locate?: string | undefined;
  /** For `locate`: the viewer's region. Default: that of the node that answers. */
  readonly region?: string | undefined;
  /** Path of the broadcast, relative to the path of `src`. */
  readonly broadcast: string;
  readonly token?: string | undefined;
  /** Such as `webtransport,hls`; default: all, in the order that suits the browser. */
  readonly transports?: string | undefined;
  /** What is in the messages of a WebSocket. Default: `qmux`, which costs less; `webtransport` where a node takes it. */
  readonly webSocketMapping?: WebSocketMapping | undefined;
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
  readonly memory: Pick<TransportMemory, "recall" | "remember">;
  readonly upstreams: readonly UpstreamFactory[];
  readonly createScheduler: () => FrameScheduler;
  readonly createPainter: (canvas: HTMLCanvasElement | OffscreenCanvas) => { paint(picture: Picture): void };
}

/** Plays one broadcast. Control only: no element, no attribute, no style. */
export class Player extends PlayerEventTarget implements AsyncDisposable {
  readonly #options: PlayerOptions;
  readonly #deps: PlayerDeps;
  #state: PlayerState = "idle";
  #transport: TransportName | undefined;
  #connection: Connection | undefined;
  #playback: Playback | undefined;
  #tracks: TrackChoice | undefined;
  #wishedRendition: string | undefined;
  #hasEnded = false;
  #isInElement = false;
  #isElementSoundBlocked = false;
  #painter: { paint(picture: Picture): void } | undefined;
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
    this.#volume = Math.min(1, Math.max(0, options.volume ?? 1));
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

  /** The picture is in `mediaElement`, not on the canvas. */
  get isInElement(): boolean {
    return this.#isInElement;
  }

  get muted(): boolean {
    return this.#isMuted;
  }

  set muted(muted: boolean) {
    this.#isMuted = muted;
    this.#playback?.sound.setMuted(muted);
    this.#applySound();
    this.#emitSound();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#playback?.sound.setVolume(this.#volume);
    this.#applySound();
    this.#emitSound();
  }

  /** The browser holds sound back until the viewer does something. */
  get isSoundBlocked(): boolean {
    if (this.#isElementSoundBlocked) return !this.#isMuted;
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
    const { locate = "", src } = this.#options;
    let sources: string[];
    let locators: string[];
    try {
      locators = locate === "" ? [] : parseSources(locate, "locate");
      sources = src === "" && locators.length > 0 ? [] : parseSources(src);
      if (choice.factories.length === 0) {
        throw new PlayerError("unsupported", choice.reasons.join("; ") || "no transport");
      }
    } catch (error) {
      this.#fail(error instanceof PlayerError ? error : new PlayerError("configuration", String(error)));
      return;
    }
    this.#signal("play");
    this.#applySound();
    const playback = this.#openPlayback(latencyMs * 1000, sync);
    this.#playback = playback;
    const tracks = this.#openTracks(playback);
    this.#tracks = tracks;
    this.#connection = new Connection(
      {
        sources,
        factories: choice.factories,
        passedOver: choice.passedOver.join("; ") || undefined,
        request: {
          broadcast: this.#options.broadcast,
          token: this.#options.token,
          latencyMs,
          isSync: sync,
          mediaElement: this.#options.mediaElement,
          canPaint: this.#options.canvas !== undefined,
        },
      },
      {
        clock: this.#deps.clock,
        fetch: this.#deps.fetch,
        random: this.#deps.random,
        memory: this.#deps.memory,
        locate:
          locators.length === 0
            ? undefined
            : (signal, known) => this.#locate([...locators, ...known], signal),
        sink: {
          // It never rejects: what cannot be decoded is told through its `onFailed`.
          onCatalog: (catalog) => void tracks.onCatalog(catalog),
          onGroupOpen: (...args) => playback.onGroupOpen(...args),
          onFrame: (...args) => playback.onFrame(...args),
          onGroupEnd: (...args) => playback.onGroupEnd(...args),
          onDecodedFrame: (...args) => {
            if (!playback.isDecodedOutside) tracks.forget();
            playback.onDecodedFrame(...args);
          },
          onElementSound: (...args) => playback.onElementSound(...args),
          onElementFrame: (frame) => {
            if (!playback.isDecodedOutside) tracks.forget();
            this.#setInElement(true);
            playback.onElementFrame(frame);
          },
          onElementTime: (...args) => {
            if (!playback.isDecodedOutside) tracks.forget();
            playback.onElementTime(...args);
          },
          onElementReset: () => this.#keepStill(),
          onElementSoundBlocked: () => {
            this.#isElementSoundBlocked = true;
            this.#emitSound();
          },
          onTimed: (message, source) => playback.timed.add(message, source),
          onAnnounced: () => this.#onAnnounced(),
          onEnded: () => this.#onEnded(),
        },
        onTransport: (transport) => this.#setTransport(transport),
        targetLatencyMs: () => playback.timing.targetUs / 1000,
        onClockOffset: ({ offsetUs }) => playback.timing.setServerOffset(offsetUs),
        onLost: (error) => this.#onLost(error),
        onFailed: (error) => this.#fail(error),
      },
    );
  }

  #locate(locators: readonly string[], signal: AbortSignal): Promise<string[]> {
    const { broadcast, token, region } = this.#options;
    return locateEdges({ locators, broadcast, token, region }, { fetch: this.#deps.fetch, signal });
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
    if (!this.#isElementSoundBlocked) return;
    this.#isElementSoundBlocked = false;
    this.#applySound();
    this.#emitSound();
  }

  /** Plays this video rendition (a name in `stats().renditions`), or the best one for undefined. */
  setRendition(name: string | undefined): void {
    this.#wishedRendition = name;
    this.#tracks?.setWish(name);
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
    return readStats(
      {
        state: this.#state,
        transport: this.#transport,
        connection: this.#connection,
        playback: this.#playback,
        tracks: this.#tracks,
        bitrateBps: this.#measureBitrate(),
        playAtUs: this.#playAtUs,
      },
      this.#deps.clock.nowUs(),
    );
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
    this.#painter = canvas === undefined ? undefined : this.#deps.createPainter(canvas);
    const playback = new Playback(
      { latencyUs, isSync, isMuted: this.#isMuted, volume: this.#volume },
      {
        clock: this.#deps.clock,
        scheduler: this.#deps.createScheduler(),
        painter: this.#painter,
        onPresented: (frame) => onFramePresented?.(frame),
        onPainted: () => this.#setInElement(false),
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

  #openTracks(playback: Playback): TrackChoice {
    const tracks: TrackChoice = new TrackChoice(
      { wish: this.#wishedRendition },
      {
        playback,
        onChosen: (selection) => {
          this.#connection?.select(selection);
          this.emit("tracks", { rendition: selection.video, renditions: tracks.renditions });
        },
        onFailed: (error) => this.#connection?.onUnplayable(error),
      },
    );
    return tracks;
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
    this.#tracks?.close();
    this.#tracks = undefined;
    this.#hasEnded = false;
    this.#isElementSoundBlocked = false;
    this.#bitrate = new BitrateMeter();
    this.#setTransport(undefined);
  }

  #setTransport(transport: TransportName | undefined): void {
    if (this.#transport === transport) return;
    const isChange = this.#transport !== undefined && transport !== undefined;
    this.#transport = transport;
    if (isChange) this.#playback?.onPathChange();
    this.emit("transportchange", { transport, reason: this.#connection?.reason });
  }

  #signal(signal: PlayerSignal): void {
    const previous = this.#state;
    const state = nextState(previous, signal);
    if (state === previous) return;
    this.#state = state;
    this.emit("statechange", { state, previous });
  }

  #setInElement(isInElement: boolean): void {
    if (this.#isInElement === isInElement) return;
    this.#isInElement = isInElement;
    this.emit("surfacechange", { isInElement });
  }

  /** The element's last picture goes onto the canvas, where it stays until somebody paints the next one. */
  #keepStill(): void {
    const { mediaElement } = this.#options;
    if (!this.#isInElement || mediaElement === undefined || this.#painter === undefined) return;
    if (mediaElement.videoWidth > 0) this.#painter.paint(mediaElement);
    this.#setInElement(false);
  }

  /** The element's own sound; that of the AudioContext follows through `Sound`. */
  #applySound(): void {
    const { mediaElement } = this.#options;
    if (mediaElement === undefined) return;
    mediaElement.muted = this.#isMuted || this.#isElementSoundBlocked;
    mediaElement.volume = this.#volume;
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
}
