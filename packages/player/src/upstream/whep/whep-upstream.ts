import { PlayerError } from "../../player-error.ts";
import { type Refusal, refusalError } from "../../webrtc/http-resource.ts";
import { type EndpointAddress, resolveEndpoint } from "../endpoint-url.ts";
import type {
  ElementStats,
  Upstream,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
  UpstreamStats,
} from "../upstream.ts";
import { LatencyControl, type LatencyMeasure } from "./latency-control.ts";
import { canReadPictures } from "./picture-reader.ts";
import { type Held, ReceiveStats } from "./receive-stats.ts";
import { SeiReader } from "./sei-reader.ts";
import { WhepSession } from "./whep-session.ts";

/** How often the edge is asked for a broadcast that is not live, and up to which pause. */
const FIRST_OFFLINE_MS = 1_000;
const MAX_OFFLINE_MS = 4_000;

/** Latencies of frames that one step of the control looks at. */
const MAX_LATENCIES = 64;

/**
 * A picture that we paint is to be decoded so long before its time, for decoding itself and the wait for a repaint: a
 * quarter of all time, as few pictures as a decoder can spare at most. The rest belongs to the browser's buffer, where
 * those that are late are left out undecoded if a keyframe is behind them; see `KeyframeGate`. (Of decoded pictures none
 * with an event is left out.)
 */
const LEAD_SHARE = 0.25;
const MIN_LEAD_MS = 25;
const MAX_LEAD_MS = 80;

/**
 * WebRTC by WHEP: received and decoded by the browser itself, and its sound played by an element. Where the decoded
 * pictures can be had the player paints them, so that it knows which one is on screen; elsewhere the element shows them
 * and tells, for most of them, afterwards.
 */
export const whepUpstream: UpstreamFactory = {
  transport: "whep",
  inElement: true,
  unsupportedReason: () => {
    if (typeof RTCPeerConnection !== "function") return "this browser has no WebRTC";
    if (!canReadPictures() && !("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
      return "this browser does not tell which frame it shows";
    }
    return undefined;
  },
  open: (request, sink, deps) => new WhepUpstream(request, sink, deps),
};

class WhepUpstream implements Upstream {
  readonly transport = "whep";
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #deps: UpstreamDeps;
  readonly #abort = new AbortController();
  readonly #latency: LatencyControl;
  /** Sound takes another way to us than the picture, and is held for another time to be with it. */
  readonly #soundLatency: LatencyControl;
  readonly #stats = new ReceiveStats();
  #session: WhepSession | undefined;
  #sei: SeiReader | undefined;
  #offlineTimer: ReturnType<typeof setTimeout> | undefined;
  #offlineMs = FIRST_OFFLINE_MS;
  #isConnected = false;
  #isOffline = false;
  #latencies: number[] = [];
  #closed = false;

  constructor(request: UpstreamRequest, sink: UpstreamSink, deps: UpstreamDeps) {
    this.#request = request;
    this.#sink = sink;
    this.#deps = deps;
    const paints = request.canPaint && canReadPictures();
    // Steps of sync mode are the painter's where we paint.
    this.#latency = new LatencyControl({ wishMs: request.latencyMs, isSync: request.isSync && !paints });
    this.#soundLatency = new LatencyControl({ wishMs: request.latencyMs, isSync: false });
    void this.#resolve();
  }

  /** Which rendition is sent is the edge's choice, by what the path carries. */
  select(): void {}

  stats(): UpstreamStats {
    const { rttMs, receivedBytes, lostPackets } = this.#stats.figures;
    const targetLatencyMs = this.#paints ? this.#deps.targetLatencyMs() : this.#latency.goalMs;
    const element: ElementStats = { ...this.#stats.figures, targetLatencyMs };
    return { rttMs, receivedBytes, lostPackets, lostGroups: 0, element };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    clearTimeout(this.#offlineTimer);
    this.#session?.close();
    this.#sei?.close();
  }

  async #resolve(): Promise<void> {
    const { fetch } = this.#deps;
    try {
      if (this.#request.mediaElement === undefined) {
        throw new PlayerError("unsupported", "WHEP needs a media element to present in");
      }
      this.#sei = SeiReader.start();
      const address = await resolveEndpoint("whep", this.#request, { fetch, signal: this.#abort.signal });
      this.#open(address, this.#request.mediaElement);
      if ((await this.#sei?.started) === false) this.#openWithoutSei(address, this.#request.mediaElement);
    } catch (cause) {
      this.#fail(PlayerError.of(cause, "unreachable", "the edge does not answer"));
    }
  }

  #open(address: EndpointAddress, element: HTMLVideoElement): void {
    if (this.#closed) return;
    const sink = this.#sink;
    this.#session = new WhepSession(
      { address, element, sei: this.#sei, readsPictures: this.#request.canPaint && canReadPictures() },
      {
        fetch: this.#deps.fetch,
        nowUs: () => this.#nowUs(),
        sink,
        onConnected: () => this.#onConnected(address),
        onRefused: (refusal) => this.#onRefused(refusal, address, element),
        onClosed: (error) => this.#fail(error),
        onStats: (report) => this.#onStats(report),
        onLatency: (latencyUs) => this.#onLatency(latencyUs),
        assumedLatencyUs: () => this.#latency.goalMs * 1000,
      },
    );
  }

  /** No worker may run in this page: timed messages come by the data channel alone. */
  #openWithoutSei(address: EndpointAddress, element: HTMLVideoElement): void {
    this.#sei?.close();
    this.#sei = undefined;
    if (this.#session === undefined) return;
    clearTimeout(this.#offlineTimer);
    this.#session.close();
    this.#open(address, element);
  }

  /** The edge's clock as far as it is known; RTP timestamps only need it to within hours. */
  #nowUs(): number {
    return this.#deps.clock.nowUs() + (this.#deps.serverOffsetUs() ?? 0);
  }

  #onConnected(address: EndpointAddress): void {
    this.#latency.reset();
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#sink.onConnected(address.timeBaseUrl);
    }
    this.#isOffline = false;
    this.#offlineMs = FIRST_OFFLINE_MS;
    this.#sink.onAnnounced();
  }

  #onRefused(refusal: Refusal, address: EndpointAddress, element: HTMLVideoElement): void {
    if (this.#closed) return;
    if (refusal.status !== 404) {
      this.#fail(refusalError(refusal));
      return;
    }
    // No such broadcast, for now: as on the other transports the player waits for it.
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#sink.onConnected(address.timeBaseUrl);
    }
    if (!this.#isOffline) this.#sink.onEnded();
    this.#isOffline = true;
    const pauseMs = refusal.retryAfterMs ?? this.#offlineMs;
    this.#offlineMs = Math.min(MAX_OFFLINE_MS, this.#offlineMs * 1.5);
    const jitteredMs = Math.min(MAX_OFFLINE_MS, pauseMs) * (0.75 + Math.random() / 2);
    this.#offlineTimer = setTimeout(() => this.#open(address, element), jitteredMs);
  }

  #onLatency(latencyUs: number): void {
    // Before the edge's clock is known, latency would be our clock's error.
    if (this.#deps.serverOffsetUs() === undefined || this.#latencies.length >= MAX_LATENCIES) return;
    this.#latencies.push(latencyUs / 1000);
  }

  #onStats(report: RTCStatsReport): void {
    const { video, audio } = this.#stats.update(report.values()).held;
    const session = this.#session;
    const nowMs = performance.now();
    const latencies = this.#latencies.sort((a, b) => a - b);
    const latencyMs = latencies[latencies.length >> 1];
    this.#latencies = [];
    if (session === undefined || this.#deps.serverOffsetUs() === undefined) return;
    const soundMs = session.soundLatencyMs();
    const picture = video === undefined || latencyMs === undefined ? undefined : { latencyMs, ...video };
    const sound = audio === undefined || soundMs === undefined ? undefined : { latencyMs: soundMs, ...audio };
    if (session.readsPictures && picture !== undefined) {
      this.#holdForPainter(session, picture, sound);
      return;
    }
    if (picture === undefined) {
      // Without pictures the sound decides by itself.
      if (sound !== undefined) session.holdFor("audio", this.#latency.update(sound, nowMs));
      return;
    }
    const { goalMs } = this.#latency;
    // Whichever needs longer than was wished keeps the other one waiting; sound only while somebody can hear it.
    const soundNeedsMs = this.#isAudible && sound !== undefined ? this.#soundLatency.neededMs(sound) : 0;
    const togetherMs = Math.max(goalMs, this.#latency.neededMs(picture), soundNeedsMs);
    const extraMs = Math.max(0, soundNeedsMs - goalMs);
    const held = this.#latency.update({ ...picture, latencyMs: picture.latencyMs - extraMs }, nowMs);
    session.holdFor("video", held);
    if (sound === undefined) return;
    this.#soundLatency.goalMs = togetherMs;
    session.holdFor("audio", this.#soundLatency.update(sound, nowMs));
  }

  /**
   * The player says when a picture is painted, by what the path needs of itself and by the wish. The browser holds both
   * kinds for the bulk of that time: pictures until shortly before, sound until then.
   */
  #holdForPainter(session: WhepSession, picture: LatencyMeasure, sound: LatencyMeasure | undefined): void {
    const nowMs = performance.now();
    const targetMs = this.#deps.targetLatencyMs();
    const leadMs = Math.min(MAX_LEAD_MS, Math.max(MIN_LEAD_MS, targetMs * LEAD_SHARE));
    this.#latency.goalMs = Math.max(0, targetMs - leadMs);
    session.holdFor("video", this.#latency.update(picture, nowMs));
    session.videoHeldUs = heldMs(picture, this.#latency.targetMs) * 1000;
    if (sound === undefined) return;
    const transitMs = sound.latencyMs - heldMs(sound, this.#soundLatency.targetMs);
    this.#sink.onElementSound(transitMs * 1000, this.#isAudible);
    this.#soundLatency.goalMs = targetMs;
    session.holdFor("audio", this.#soundLatency.update(sound, nowMs));
  }

  get #paints(): boolean {
    return this.#session?.readsPictures ?? false;
  }

  get #isAudible(): boolean {
    const { muted = true, volume = 0 } = this.#request.mediaElement ?? {};
    return !muted && volume > 0;
  }

  #fail(error: PlayerError): void {
    if (this.#closed) return;
    this.close();
    this.#sink.onClosed(error);
  }
}

/** How much longer frames were held than the path needs because we asked for it, ms. */
function heldMs({ bufferMs, minimumMs }: Held, targetMs: number): number {
  if (targetMs === 0) return 0;
  return Math.max(0, bufferMs - (minimumMs ?? 0));
}
