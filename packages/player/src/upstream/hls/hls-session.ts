import type { TimedMessage } from "@canopy/media/timed";
import type { PlayerError } from "../../player-error.ts";
import { type ElementFrameMetadata, ElementOutput } from "../element-output.ts";
import type { ElementStats, UpstreamSink } from "../upstream.ts";
import { CaughtWatch } from "./caught-watch.ts";
import type { HlsEngine, HlsEngineDeps } from "./hls-engine.ts";
import { LiveEdgeControl, type LiveEdgeOptions } from "./live-edge-control.ts";
import { MessageTimes } from "./message-times.ts";

/** How often distance and rate are looked at. */
const CONTROL_MS = 200;

/** Without a picture (sound alone, a hidden page) the time of what is heard is looked at this often. */
const TELL_TIME_MS = 100;

/** A picture came within this: events wait for theirs rather than go with the sound, as over other transports. */
const PICTURE_MS = 1_500;

/** Media times further from the edge's clock than this are not wall-clock times. */
const PLAUSIBLE_US = 30_000_000;

/** With more than this in the buffer it is the decoder that cannot keep up, and holding back more is no help. */
const DRY_S = 0.3;

/** A jump goes no nearer to the end of the buffer. */
const JUMP_MARGIN_S = 0.2;

export interface HlsSessionOptions extends LiveEdgeOptions {
  readonly element: HTMLVideoElement;
  readonly createEngine: (deps: HlsEngineDeps) => HlsEngine;
}

export interface HlsSessionDeps {
  /** The edge's clock minus this machine's, µs, once it is known. */
  readonly serverOffsetUs: () => number | undefined;
  readonly sink: UpstreamSink;
  /** The playlists have to be asked for anew. */
  readonly onLost: (error: PlayerError) => void;
  readonly onFailed: (error: PlayerError) => void;
}

/** One run of an engine and what comes out of it: pictures with their media time, messages, figures. */
export class HlsSession {
  readonly #element: HTMLVideoElement;
  readonly #deps: HlsSessionDeps;
  readonly #engine: HlsEngine;
  readonly #output: ElementOutput;
  readonly #control: LiveEdgeControl;
  readonly #caught = new CaughtWatch();
  readonly #times = new MessageTimes();
  readonly #abort = new AbortController();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #pictureAtMs = Number.NEGATIVE_INFINITY;
  #toldS = -1;
  #hasPresented = false;
  #freezes = 0;
  #isSentAway = false;

  constructor(options: HlsSessionOptions, deps: HlsSessionDeps) {
    this.#deps = deps;
    this.#element = options.element;
    this.#control = new LiveEdgeControl(options);
    this.#engine = options.createEngine({
      onMessage: (message) => this.#onMessage(message),
      onGoaway: (to) => this.#onGoaway(to),
      onLost: (error) => this.#end(() => deps.onLost(error)),
      onFailed: (error) => this.#end(() => deps.onFailed(error)),
    });
    this.#output = new ElementOutput(options.element, this.#engine, {
      onReset: () => deps.sink.onElementReset(),
      onFrame: (metadata) => this.#onPicture(metadata),
      onSoundBlocked: () => deps.sink.onElementSoundBlocked(),
    });
    this.#element.addEventListener("waiting", () => this.#onWaiting(), { signal: this.#abort.signal });
    this.#output.attach();
    this.#timers.push(setInterval(() => this.#steer(), CONTROL_MS));
    this.#timers.push(setInterval(() => this.#tellTime(), TELL_TIME_MS));
  }

  /** Something was seen or heard. */
  get hasPresented(): boolean {
    return this.#hasPresented;
  }

  get receivedBytes(): number {
    return this.#engine.receivedBytes;
  }

  get figures(): ElementStats {
    const quality = this.#element.getVideoPlaybackQuality();
    return {
      targetLatencyMs: this.#control.targetS * 1_000,
      jitterMs: 0,
      bufferMs: this.#bufferedS * 1_000,
      playbackRate: this.#element.playbackRate,
      decodedFrames: quality.totalVideoFrames,
      droppedFrames: quality.droppedVideoFrames,
      freezes: this.#freezes,
      audioPeak: 0,
      audioUnderruns: this.#freezes,
      videoCodec: this.#engine.videoCodec,
      audioCodec: this.#engine.audioCodec,
    };
  }

  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#output.close();
    this.#engine.close();
    this.#element.playbackRate = 1;
  }

  #end(tell: () => void): void {
    if (this.#abort.signal.aborted) return;
    this.close();
    tell();
  }

  get #bufferedS(): number {
    const { buffered, currentTime } = this.#element;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= currentTime && currentTime < buffered.end(index)) {
        return buffered.end(index) - currentTime;
      }
    }
    return 0;
  }

  #onMessage(message: TimedMessage): void {
    this.#times.add(message.at);
    this.#deps.sink.onTimed(message, "hls");
  }

  #onGoaway(to: string): void {
    if (this.#isSentAway) return;
    this.#isSentAway = true;
    this.#deps.sink.onMove(to);
  }

  #onPicture(metadata: ElementFrameMetadata): void {
    const { width, height, presentationTime, mediaTime } = metadata;
    this.#pictureAtMs = performance.now();
    this.#hasPresented = true;
    const presentedAtUs = (performance.timeOrigin + presentationTime) * 1_000;
    const mediaUs = this.#engine.mediaUs(mediaTime);
    const timestampUs =
      mediaUs === undefined ? undefined : this.#times.snap(mediaUs, this.#engine.toleranceUs);
    this.#deps.sink.onElementFrame({ timestampUs, presentedAtUs, width, height });
  }

  /** While there is no picture to go by, the sound says what time it is. */
  #tellTime(): void {
    const { currentTime, paused, readyState } = this.#element;
    if (performance.now() - this.#pictureAtMs < PICTURE_MS || paused) return;
    const isMoving = currentTime > this.#toldS && readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    this.#toldS = currentTime;
    const mediaUs = this.#engine.mediaUs(currentTime);
    if (!isMoving || currentTime === 0 || mediaUs === undefined) return;
    this.#hasPresented = true;
    this.#deps.sink.onElementTime(mediaUs, (performance.timeOrigin + performance.now()) * 1_000);
  }

  #onWaiting(): void {
    if (!this.#hasPresented || this.#element.seeking) return;
    this.#freezes += 1;
    if (this.#bufferedS < DRY_S) this.#control.onStall(performance.now());
  }

  #steer(): void {
    const element = this.#element;
    const { currentTime } = element;
    const nowMs = performance.now();
    const behindEdgeS = this.#engine.behindEdgeS(currentTime);
    if (behindEdgeS === undefined) return;
    const aheadS = behindEdgeS - this.#engine.holdBackS;
    if (this.#caught.update({ nowMs, positionS: currentTime, isPaused: element.paused, aheadS })) {
      element.currentTime = currentTime + aheadS;
      return;
    }
    if (!this.#hasPresented || element.seeking) return;
    const { rate, jumpS } = this.#control.update({
      nowMs,
      behindEdgeS,
      latencyS: this.#latencyS(currentTime),
      holdBackS: this.#engine.holdBackS,
      bufferedS: this.#bufferedS,
    });
    if (jumpS !== 0) {
      const newestS = currentTime + behindEdgeS - JUMP_MARGIN_S;
      element.currentTime = Math.max(0, Math.min(newestS, currentTime + jumpS));
    }
    if (element.playbackRate !== rate) element.playbackRate = rate;
  }

  #latencyS(seconds: number): number | undefined {
    const offsetUs = this.#deps.serverOffsetUs();
    const mediaUs = this.#engine.mediaUs(seconds);
    if (offsetUs === undefined || mediaUs === undefined) return undefined;
    const latencyUs = (performance.timeOrigin + performance.now()) * 1_000 + offsetUs - mediaUs;
    return Math.abs(latencyUs) < PLAUSIBLE_US ? latencyUs / 1e6 : undefined;
  }
}
