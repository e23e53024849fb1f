import { RetrySchedule } from "../control/retry-schedule.ts";
import { PlayerError } from "../player-error.ts";
import { type EndpointAddress, resolveEndpoint } from "../upstream/endpoint-url.ts";
import { type Refusal, refusalError } from "../webrtc/http-resource.ts";
import { PeerLink } from "../webrtc/peer-link.ts";
import { codecName, type StatsEntry, statsNumber } from "../webrtc/stats-entry.ts";
import { withStereoOpus } from "../webrtc/stereo-opus.ts";
import { captureMedia } from "./capture-media.ts";
import type { OpenMedia } from "./open-media.ts";
import { orderVideoCodecs } from "./order-codecs.ts";
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
import { videoEncoding } from "./sender-parameters.ts";

const DEFAULT_AUDIO_BPS = 96_000;

/** Captures and sends one broadcast by WHIP; encoding, pacing and repair are the browser's. */
export class WhipPublisher implements Publisher {
  readonly #options: PublishOptions;
  readonly #abort = new AbortController();
  readonly #retries = new RetrySchedule({ sources: 1 }, { random: Math.random });
  #limits: VideoLimits;
  readonly #status: PublisherStatus;
  #media: OpenMedia | undefined;
  #link: PeerLink | undefined;
  #videoSender: RTCRtpSender | undefined;
  #appliedScale = 0;
  #stats: SendFigures = NO_FIGURES;
  #reconnects = 0;
  #wasLive = false;
  /** The present session has been live; if not, its loss is a failed attempt. */
  #isSessionLive = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** Throws `PlayerError` "unsupported" or "configuration" when publishing cannot even begin. */
  constructor(options: PublishOptions) {
    if (typeof RTCPeerConnection !== "function") {
      throw new PlayerError("unsupported", "this browser has no WebRTC");
    }
    requireKind(options);
    if (options.broadcast.replaceAll("/", "").trim() === "") {
      throw new PlayerError("configuration", "the broadcast has no name");
    }
    this.#options = options;
    this.#status = new PublisherStatus(options.onState);
    this.#limits = videoLimitsOf(options);
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
    return {
      ...this.#stats,
      state: this.#status.state,
      backlogBytes: 0,
      reconnects: this.#reconnects,
      clockOffsetUs: undefined,
    };
  }

  setVideo(limits: Partial<VideoLimits>): void {
    this.#limits = { ...this.#limits, ...limits };
    this.#applyLimits();
  }

  stop(): void {
    this.#finish("stopped", undefined);
  }

  async #start(): Promise<void> {
    const { url, broadcast, token } = this.#options;
    try {
      const media = await captureMedia(this.#options, this.#limits);
      this.#media = media;
      media.onEnded(() => this.#finish("stopped", undefined));
      if (this.#status.isOver) {
        media.stop();
        return;
      }
      if (this.#tracks(media).length === 0) {
        throw new PlayerError("configuration", "the source has no track of a wanted kind");
      }
      this.#status.set("connecting");
      const address = await resolveEndpoint(
        "whip",
        { src: url, broadcast, token },
        { fetch: globalThis.fetch.bind(globalThis), signal: this.#abort.signal },
      );
      if (!this.#status.isOver) this.#connect(media, address);
    } catch (cause) {
      this.#finish("failed", PlayerError.of(cause, "configuration", "the source cannot be opened"));
    }
  }

  #tracks({ stream }: OpenMedia): MediaStreamTrack[] {
    const { video, audio } = this.#options;
    return [
      ...(video === false ? [] : stream.getVideoTracks().slice(0, 1)),
      ...(audio === false ? [] : stream.getAudioTracks().slice(0, 1)),
    ];
  }

  #connect(media: OpenMedia, address: EndpointAddress): void {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#videoSender = undefined;
    for (const track of this.#tracks(media)) this.#addTrack(peer, track, media.stream);
    const again = (): void => this.#connect(media, address);
    this.#link = new PeerLink(
      { endpoint: address.endpoint, token: address.token },
      {
        peer,
        fetch: globalThis.fetch.bind(globalThis),
        editAnswer: (answer) => withStereoOpus(answer, this.#audioBps),
        onConnected: () => this.#onConnected(),
        onInterrupted: () => this.#status.set("reconnecting"),
        onStats: (report) => this.#onStats([...report.values()]),
        onRefused: (refusal) => this.#onRefused(refusal, again),
        onClosed: (error) => this.#onLost(error, again),
      },
    );
  }

  get #audioBps(): number {
    const { audio } = this.#options;
    return (audio === false ? undefined : audio?.bitrate) ?? DEFAULT_AUDIO_BPS;
  }

  #addTrack(peer: RTCPeerConnection, track: MediaStreamTrack, stream: MediaStream): void {
    if (track.kind === "audio") {
      peer.addTransceiver(track, {
        direction: "sendonly",
        streams: [stream],
        sendEncodings: [{ maxBitrate: this.#audioBps }],
      });
      return;
    }
    // Text on a screen must be readable; a camera must not stutter. A stream of the caller has his own wish.
    if (track.contentHint === "" && typeof this.#options.source === "string") {
      track.contentHint = this.#options.source === "camera" ? "motion" : "detail";
    }
    const encoding = videoEncoding(sizeOf(track), this.#limits);
    this.#appliedScale = encoding.scaleResolutionDownBy ?? 1;
    const transceiver = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: [encoding],
    });
    this.#videoSender = transceiver.sender;
    const codecs = RTCRtpSender.getCapabilities?.("video")?.codecs;
    if (codecs !== undefined && "setCodecPreferences" in transceiver) {
      transceiver.setCodecPreferences(orderVideoCodecs(codecs));
    }
  }

  #onConnected(): void {
    this.#wasLive = true;
    this.#isSessionLive = true;
    this.#retries.onSuccess();
    this.#status.set("live");
  }

  #onRefused(refusal: Refusal, again: () => void): void {
    const error =
      refusal.status === 409
        ? // After a lost session it may be ourselves, whom the origin still waits for.
          new PlayerError(this.#wasLive ? "unreachable" : "configuration", refusal.text)
        : refusalError(refusal);
    this.#onLost(error, again);
  }

  #onLost(error: PlayerError, again: () => void): void {
    this.#link = undefined;
    if (this.#status.isOver) return;
    const decision = error.shouldRetry() ? this.#retries.onFailure() : undefined;
    if (decision === undefined) {
      this.#finish("failed", error);
      return;
    }
    if (this.#isSessionLive) this.#reconnects += 1;
    this.#isSessionLive = false;
    this.#status.set(this.#wasLive ? "reconnecting" : "connecting", error);
    this.#retryTimer = setTimeout(again, decision.delayMs);
  }

  /** A camera that is turned, or a window that is made larger, needs another scale. */
  #applyLimits(): void {
    const sender = this.#videoSender;
    if (sender?.track == null) return;
    const encoding = videoEncoding(sizeOf(sender.track), this.#limits);
    this.#appliedScale = encoding.scaleResolutionDownBy ?? 1;
    const parameters = sender.getParameters();
    const [first] = parameters.encodings;
    if (first === undefined) return;
    Object.assign(first, encoding);
    sender.setParameters(parameters).catch(() => {
      // The connection was closed meanwhile; the next one begins with these limits.
    });
  }

  #onStats(entries: readonly StatsEntry[]): void {
    this.#stats = readSendFigures(entries, this.#limits.bitrate);
    const track = this.#videoSender?.track;
    if (track == null) return;
    const scale = videoEncoding(sizeOf(track), this.#limits).scaleResolutionDownBy ?? 1;
    if (Math.abs(scale - this.#appliedScale) > 0.01) this.#applyLimits();
  }

  #finish(state: "stopped" | "failed", error: PlayerError | undefined): void {
    if (this.#status.isOver) return;
    this.#abort.abort();
    clearTimeout(this.#retryTimer);
    this.#link?.close();
    this.#media?.stop();
    this.#status.set(state, error);
  }
}

type SendFigures = Omit<PublisherStats, "state" | "backlogBytes" | "reconnects" | "clockOffsetUs">;

const NO_FIGURES: SendFigures = {
  codec: undefined,
  width: 0,
  height: 0,
  encodedFrames: 0,
  droppedFrames: 0,
  keyframes: 0,
  videoBytes: 0,
  audioBytes: 0,
  targetBitrate: 0,
  rttMs: 0,
  sentBytes: 0,
  lostPackets: 0,
  limitation: undefined,
};

function sizeOf(track: MediaStreamTrack): { readonly width: number; readonly height: number } | undefined {
  const { width, height } = track.getSettings();
  return width === undefined || height === undefined || width === 0 || height === 0
    ? undefined
    : { width, height };
}

function readSendFigures(entries: readonly StatsEntry[], limitBps: number): SendFigures {
  const outbound = entries.filter(({ type }) => type === "outbound-rtp");
  const video = outbound.find(({ kind }) => kind === "video");
  const audio = outbound.find(({ kind }) => kind === "audio");
  const remote = entries.filter(({ type }) => type === "remote-inbound-rtp");
  const source = entries.find(({ type, kind }) => type === "media-source" && kind === "video");
  const codec = entries.find(({ type, id }) => type === "codec" && id === video?.codecId);
  const pair = entries.find(
    ({ type, nominated, state }) => type === "candidate-pair" && nominated === true && state === "succeeded",
  );
  const reason = video?.qualityLimitationReason;
  const encodedFrames = statsNumber(video?.framesEncoded);
  return {
    codec: codecName(codec),
    width: statsNumber(video?.frameWidth),
    height: statsNumber(video?.frameHeight),
    encodedFrames,
    droppedFrames: source === undefined ? 0 : Math.max(0, statsNumber(source.frames) - encodedFrames),
    keyframes: statsNumber(video?.keyFramesEncoded),
    videoBytes: statsNumber(video?.bytesSent),
    audioBytes: statsNumber(audio?.bytesSent),
    targetBitrate: statsNumber(video?.targetBitrate) || limitBps,
    rttMs: statsNumber(pair?.currentRoundTripTime) * 1000,
    sentBytes: outbound.reduce((sum, entry) => sum + statsNumber(entry.bytesSent), 0),
    lostPackets: remote.reduce((sum, entry) => sum + Math.max(0, statsNumber(entry.packetsLost)), 0),
    limitation: reason === "cpu" || reason === "bandwidth" ? reason : undefined,
  };
}
