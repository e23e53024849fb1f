import { decodeGoawayMessage, decodeTimedMessage } from "@canopy/media/timed";
import type { PlayerError } from "../../player-error.ts";
import type { Refusal } from "../../webrtc/http-resource.ts";
import { PeerLink } from "../../webrtc/peer-link.ts";
import { type StatsEntry, statsNumber } from "../../webrtc/stats-entry.ts";
import { withStereoOpus } from "../../webrtc/stereo-opus.ts";
import { type ElementFrameMetadata, ElementOutput, type ElementSource } from "../element-output.ts";
import type { EndpointAddress } from "../endpoint-url.ts";
import type { TrackKind, UpstreamSink } from "../upstream.ts";
import { FrameMessages } from "./frame-messages.ts";
import { KeyframeGate } from "./keyframe-gate.ts";
import { inOwnStream } from "./own-stream.ts";
import { PictureReader, rtpTimestampOf } from "./picture-reader.ts";
import { mediaClockOffset, RtpClock } from "./rtp-clock.ts";
import type { SeiReader } from "./sei-reader.ts";

const VIDEO_RATE_HZ = 90_000;
const AUDIO_RATE_HZ = 48_000;

/** From the NTP epoch (1900) to the Unix epoch, RFC 5905 §6. */
const NTP_UNIX_MS = 2_208_988_800_000;

/** Name of the data channel on which the edge sends timed messages. */
const TIMED_CHANNEL = "timed";

/** Without a picture (sound alone, a hidden page) the time of what is heard is looked at this often. */
const TELL_TIME_MS = 100;

/** Without a picture for this long the sound tells the time, from the start... */
const FIRST_PICTURE_MS = 400;

/** ...and after pictures: events wait for their frame rather than go with the sound, as over other transports. */
const NEXT_PICTURE_MS = 1_500;

/**
 * A media time from an RTP timestamp is a whole tick, rounded by the sender this way or that: half a tick earlier is
 * never after the frame, so that no message fires a frame too early.
 */
const HALF_TICK_US = 6;

/** A message is taken to be on the frame that carries it if the clock says so to within this; less than a frame. */
const SNAP_US = 15_000;

export interface WhepSessionOptions {
  readonly address: EndpointAddress;
  /** Lets the sound be heard, and shows the picture unless we get at it. */
  readonly element: HTMLVideoElement;
  /** Decoded pictures go to the player; otherwise into the element. */
  readonly readsPictures: boolean;
  /** Undefined: timed messages come by the data channel alone. */
  readonly sei: SeiReader | undefined;
}

export interface WhepSessionDeps {
  readonly fetch: typeof fetch;
  /** The edge's clock, µs. */
  readonly nowUs: () => number;
  readonly sink: UpstreamSink;
  readonly onConnected: () => void;
  readonly onRefused: (refusal: Refusal) => void;
  readonly onClosed: (error: PlayerError) => void;
  readonly onStats: (report: RTCStatsReport) => void;
  readonly onLatency: (latencyUs: number) => void;
  /** Between capture and picture where no clock tells it. */
  readonly assumedLatencyUs: () => number;
}

/** One peer connection and what comes out of it. */
export class WhepSession {
  readonly #deps: WhepSessionDeps;
  readonly #link: PeerLink;
  readonly #stream = new MediaStream();
  readonly #output: ElementOutput;
  readonly #messages = new FrameMessages();
  readonly #sei: SeiReader | undefined;
  readonly #gate: KeyframeGate;
  readonly #video: RTCRtpTransceiver;
  readonly #audio: RTCRtpTransceiver;
  readonly #videoClock = new RtpClock(VIDEO_RATE_HZ);
  readonly #audioClock = new RtpClock(AUDIO_RATE_HZ);
  readonly #timer: ReturnType<typeof setInterval>;
  #pictures: PictureReader | undefined;
  #hasPicture = false;
  #pictureAtMs = performance.now();
  #videoHeldUs = 0;
  #isSentAway = false;
  readonly #heldForMs: Record<TrackKind, number> = { video: -1, audio: -1 };

  constructor(options: WhepSessionOptions, deps: WhepSessionDeps) {
    this.#deps = deps;
    const { address, element, sei, readsPictures } = options;
    const { sink } = deps;
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...sei?.configuration });
    this.#video = peer.addTransceiver("video", { direction: "recvonly" });
    sei?.attach(this.#video.receiver);
    this.#audio = peer.addTransceiver("audio", { direction: "recvonly" });
    sei?.attach(this.#audio.receiver);
    if (sei !== undefined) sei.onMessages = (rtp, messages) => this.#messages.add(rtp, messages);
    this.#sei = sei;
    this.#gate = new KeyframeGate((rtp) => sei?.release(rtp));
    this.#output = new ElementOutput(element, trackSource(this.#stream), {
      onReset: () => sink.onElementReset(),
      onFrame: (metadata) => this.#onElementPicture(metadata),
      onSoundBlocked: () => sink.onElementSoundBlocked(),
    });
    this.#openChannel(peer);
    if (readsPictures) {
      this.#pictures = new PictureReader(this.#video.receiver.track, (frame) => this.#onPicture(frame));
      if (sei !== undefined) sei.onAwaited = (rtp) => this.#gate.onAwaited(rtp);
    }
    if (sei !== undefined) sei.isGated = readsPictures;
    this.#timer = setInterval(() => {
      this.#gate.look();
      this.#tellTime();
    }, TELL_TIME_MS);
    this.#link = new PeerLink(
      { endpoint: address.endpoint, token: address.token },
      {
        peer,
        fetch: deps.fetch,
        editOffer: withStereoOpus,
        editAnswer: (answer) => this.#onAnswer(answer),
        onConnected: () => {
          this.#output.attach();
          deps.onConnected();
        },
        onStats: (report) => {
          this.#learnClocks(report.values());
          deps.onStats(report);
        },
        onRefused: (refusal) => {
          this.close();
          deps.onRefused(refusal);
        },
        onClosed: (error) => {
          this.close();
          deps.onClosed(error);
        },
      },
    );
  }

  /** Pictures are read and given to the player. */
  get readsPictures(): boolean {
    return this.#pictures !== undefined;
  }

  /** Frames come this much later than they would without our wish, µs. */
  set videoHeldUs(heldUs: number) {
    this.#videoHeldUs = heldUs;
  }

  /** Frames of this kind are held for at least this long before they are decoded, ms. */
  holdFor(kind: TrackKind, targetMs: number): void {
    if (targetMs === this.#heldForMs[kind]) return;
    this.#heldForMs[kind] = targetMs;
    const { receiver } = kind === "video" ? this.#video : this.#audio;
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = targetMs;
    // Chromium's name of before, in seconds.
    else if ("playoutDelayHint" in (receiver as object)) {
      (receiver as { playoutDelayHint?: number }).playoutDelayHint = targetMs / 1000;
    }
  }

  /** Capture to loudspeaker of what is heard now, ms; undefined while that is not known. */
  soundLatencyMs(): number | undefined {
    const [source] = this.#audio.receiver.getSynchronizationSources();
    if (source === undefined) return undefined;
    const serverUs = this.#serverUs(source.timestamp * 1000);
    const mediaUs = this.#audioClock.toMediaUs(source.rtpTimestamp, serverUs);
    return mediaUs === undefined ? undefined : (serverUs - mediaUs) / 1000;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#pictures?.close();
    // First the picture is kept, then its source goes.
    this.#output.close();
    this.#link.close();
  }

  #openChannel(peer: RTCPeerConnection): void {
    const channel = peer.createDataChannel(TIMED_CHANNEL);
    channel.binaryType = "arraybuffer";
    let wasOpen = false;
    channel.onopen = () => {
      wasOpen = true;
    };
    // Servers close their peers at the end of a broadcast; the channel hears it first.
    channel.onclose = () => {
      if (wasOpen) this.#link.onRemoteEnd();
    };
    channel.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
      try {
        this.#deps.sink.onTimed(decodeTimedMessage(bytes), "track");
      } catch {
        // One broken message is passed over; the next ones are as good as ever.
        const to = decodeGoawayMessage(bytes);
        if (to === undefined || this.#isSentAway) return;
        this.#isSentAway = true;
        this.#deps.sink.onMove(to);
      }
    };
  }

  #onAnswer(answer: string): string {
    for (const [transceiver, clock] of [
      [this.#video, this.#videoClock],
      [this.#audio, this.#audioClock],
    ] as const) {
      if (transceiver.mid !== null) clock.setOffset(mediaClockOffset(answer, transceiver.mid));
      const isRead = transceiver === this.#video && this.#pictures !== undefined;
      if (!isRead) this.#stream.addTrack(transceiver.receiver.track);
    }
    // With both clocks we know how far picture and sound are apart, and hold each for its own time.
    const hasClocks = this.#videoClock.isExact && this.#audioClock.isExact;
    return hasClocks && this.#audio.mid !== null ? inOwnStream(answer, this.#audio.mid) : answer;
  }

  /** What a server's sender reports say of its clock, where its answer says nothing. */
  #learnClocks(report: Iterable<StatsEntry>): void {
    if (this.#videoClock.isExact && this.#audioClock.isExact) return;
    for (const entry of report) {
      if (entry.type !== "inbound-rtp" || typeof entry.estimatedPlayoutTimestamp !== "number") continue;
      const isVideo = entry.kind === "video";
      const { receiver } = isVideo ? this.#video : this.#audio;
      const [source] = receiver.getSynchronizationSources();
      if (source === undefined) continue;
      // What is presented at the moment of the report, and how long before that moment the last frame came out.
      const sinceMs = statsNumber(entry.timestamp) - source.timestamp;
      const captureUs = (entry.estimatedPlayoutTimestamp - NTP_UNIX_MS - sinceMs) * 1000;
      (isVideo ? this.#videoClock : this.#audioClock).observe(source.rtpTimestamp, captureUs);
    }
  }

  /** A picture is decoded; it goes on screen when the player says so. */
  #onPicture(frame: VideoFrame): void {
    const rtp = rtpTimestampOf(frame);
    if (rtp === undefined) {
      // Not told by this browser: then its element, which presents, comes nearer to the truth.
      frame.close();
      this.#pictures?.close();
      this.#pictures = undefined;
      if (this.#sei !== undefined) this.#sei.isGated = false;
      this.#stream.addTrack(this.#video.receiver.track);
      return;
    }
    this.#gate.onPicture(rtp);
    this.#notePicture();
    const timestampUs = this.#onVideoTime(rtp, this.#deps.nowUs());
    this.#deps.sink.onDecodedFrame(frame, { timestampUs, heldUs: this.#videoHeldUs });
  }

  /** A picture is on screen. */
  #onElementPicture(metadata: ElementFrameMetadata): void {
    const { width, height, presentationTime } = metadata;
    // Browsers that do not tell it here tell that of the frame decoded last: the same, or the next one.
    const rtp = metadata.rtpTimestamp ?? this.#video.receiver.getSynchronizationSources()[0]?.rtpTimestamp;
    this.#notePicture();
    const presentedAtUs = (performance.timeOrigin + presentationTime) * 1000;
    const timestampUs = rtp === undefined ? undefined : this.#onVideoTime(rtp, this.#serverUs(presentedAtUs));
    this.#deps.sink.onElementFrame({ timestampUs, presentedAtUs, width, height });
  }

  #notePicture(): void {
    this.#hasPicture = true;
    this.#pictureAtMs = performance.now();
  }

  /** Media time of the frame that was there at `serverUs` of the edge's clock; what it carried is told before it. */
  #onVideoTime(rtp: number, serverUs: number): number | undefined {
    const mediaUs = this.#videoClock.toMediaUs(rtp, serverUs);
    let timestampUs: number | undefined;
    if (mediaUs !== undefined) {
      this.#deps.onLatency(serverUs - mediaUs);
      timestampUs = Math.floor(mediaUs) - HALF_TICK_US;
    }
    this.#messages.take(rtp, (message) => {
      // It belongs to this frame; a clock that is estimated may say otherwise.
      if (timestampUs !== undefined && message.at > timestampUs && message.at - timestampUs < SNAP_US) {
        timestampUs = message.at;
      }
      this.#deps.sink.onTimed(message, "sei");
    });
    return timestampUs;
  }

  /** A local time by the edge's clock, µs. */
  #serverUs(localUs: number): number {
    return localUs + this.#deps.nowUs() - (performance.timeOrigin + performance.now()) * 1000;
  }

  /** While there is no picture to go by, the sound says what time it is. */
  #tellTime(): void {
    const limitMs = this.#hasPicture ? NEXT_PICTURE_MS : FIRST_PICTURE_MS;
    if (!this.#link.isConnected || performance.now() - this.#pictureAtMs < limitMs) return;
    for (const [transceiver, clock] of [
      [this.#audio, this.#audioClock],
      [this.#video, this.#videoClock],
    ] as const) {
      const [source] = transceiver.receiver.getSynchronizationSources();
      // Sources are kept for ten seconds after their last packet.
      if (source === undefined || performance.timeOrigin + performance.now() - source.timestamp > 1_000)
        continue;
      const presentedAtUs = source.timestamp * 1000;
      const serverUs = this.#serverUs(presentedAtUs);
      const known = clock.toMediaUs(source.rtpTimestamp, serverUs);
      const mediaUs = known ?? serverUs - this.#deps.assumedLatencyUs();
      if (known !== undefined) this.#deps.onLatency(serverUs - mediaUs);
      this.#deps.sink.onElementTime(mediaUs, presentedAtUs);
      return;
    }
  }
}

/** What the tracks of `stream` bring is presented. */
function trackSource(stream: MediaStream): ElementSource {
  return {
    attach: (element) => {
      element.srcObject = stream;
    },
    isAttached: (element) => element.srcObject === stream,
    detach: (element) => {
      element.srcObject = null;
      for (const track of stream.getTracks()) stream.removeTrack(track);
    },
  };
}
