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
import { LatencyControl } from "./latency-control.ts";
import { ReceiveStats } from "./receive-stats.ts";
import { SeiReader } from "./sei-reader.ts";
import { WhepSession } from "./whep-session.ts";

/** How often the edge is asked for a broadcast that is not live, and up to which pause. */
const FIRST_OFFLINE_MS = 1_000;
const MAX_OFFLINE_MS = 4_000;

/** Latencies of frames that one step of the control looks at. */
const MAX_LATENCIES = 64;

/** WebRTC by WHEP: received, decoded and presented by the browser itself. */
export const whepUpstream: UpstreamFactory = {
  transport: "whep",
  inElement: true,
  unsupportedReason: () => {
    if (typeof RTCPeerConnection !== "function") return "this browser has no WebRTC";
    if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
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
    this.#latency = new LatencyControl({ wishMs: request.latencyMs, isSync: request.isSync });
    this.#soundLatency = new LatencyControl({ wishMs: request.latencyMs, isSync: false });
    void this.#resolve();
  }

  /** Which rendition is sent is the edge's choice, by what the path carries. */
  select(): void {}

  stats(): UpstreamStats {
    const { rttMs, receivedBytes, lostPackets } = this.#stats.figures;
    const element: ElementStats = { ...this.#stats.figures, targetLatencyMs: this.#latency.goalMs };
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
      const [address, sei] = await Promise.all([
        resolveEndpoint("whep", this.#request, { fetch, signal: this.#abort.signal }),
        SeiReader.start(),
      ]);
      if (this.#closed) sei?.close();
      else this.#sei = sei;
      this.#open(address, this.#request.mediaElement);
    } catch (cause) {
      this.#fail(
        cause instanceof PlayerError
          ? cause
          : new PlayerError("unreachable", "the edge does not answer", cause),
      );
    }
  }

  #open(address: EndpointAddress, element: HTMLVideoElement): void {
    if (this.#closed) return;
    const sink = this.#sink;
    this.#session = new WhepSession(
      { address, element, sei: this.#sei },
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
    if (picture === undefined) {
      // Without pictures the sound decides by itself.
      if (sound !== undefined) session.holdFor("audio", this.#latency.update(sound, nowMs));
      return;
    }
    const { goalMs } = this.#latency;
    // Whichever needs longer than was wished keeps the other one waiting; sound only while somebody can hear it.
    const { muted = true, volume = 0 } = this.#request.mediaElement ?? {};
    const isAudible = !muted && volume > 0;
    const soundNeedsMs = isAudible && sound !== undefined ? this.#soundLatency.neededMs(sound) : 0;
    const togetherMs = Math.max(goalMs, this.#latency.neededMs(picture), soundNeedsMs);
    const extraMs = Math.max(0, soundNeedsMs - goalMs);
    const held = this.#latency.update({ ...picture, latencyMs: picture.latencyMs - extraMs }, nowMs);
    session.holdFor("video", held);
    if (sound === undefined) return;
    this.#soundLatency.goalMs = togetherMs;
    session.holdFor("audio", this.#soundLatency.update(sound, nowMs));
  }

  #fail(error: PlayerError): void {
    if (this.#closed) return;
    this.close();
    this.#sink.onClosed(error);
  }
}
