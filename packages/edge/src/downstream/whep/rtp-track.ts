import { MediaError } from "@canopy/media";
import { decodeLegacyFrame } from "@canopy/media/container";
import { opusPacketDurationUs } from "@canopy/media/opus";
import {
  encodeExtension,
  H264Packetizer,
  OPUS_CLOCK_RATE,
  OpusPacketizer,
  RtpStream,
  rtpTimestampOfUs,
  VIDEO_CLOCK_RATE,
} from "@canopy/media/rtp";
import type { WireFrame } from "@canopy/protocol";
import type { Track, TrackReader, TrackReading } from "@canopy/relay";
import { absoluteSendTime } from "./absolute-send-time.ts";
import { PacketRing } from "./packet-ring.ts";
import { SteadyTimestamps } from "./steady-timestamps.ts";

export type RtpKind = "video" | "audio";

/** A viewer's place in a track. */
export interface RtpFollower {
  /** Packets from `first` on are new. `startsGroup`: the first of them begins a group. Hot path. */
  onPackets(track: RtpTrack, first: number, startsGroup: boolean): void;
}

export interface RtpTrackOptions {
  readonly kind: RtpKind;
  readonly name: string;
  readonly ssrc: number;
  /** Largest payload behind the RTP header. */
  readonly maxPayloadBytes: number;
}

export interface RtpTrackDeps {
  readonly nowUs: () => number;
  /** A frame could not be packetized. */
  readonly onBadFrame: () => void;
}

/** Packets kept: video over two seconds at 20 Mbit/s, audio over five seconds. */
const CAPACITY: Readonly<Record<RtpKind, number>> = { video: 4_096, audio: 256 };
/** As the player subscribes: sound before pictures. */
const PRIORITY: Readonly<Record<RtpKind, number>> = { video: 60, audio: 80 };
/** How long the rest of a group is waited for once a newer one is there. */
const MAX_LATENCY_MS = 500;

/** In every packet: profile, length, then one element whose id byte is each viewer's own (RFC 8285 section 4.2). */
export const EXTENSION_ID_OFFSET = 16;
const SEND_TIME_OFFSET_IN_EXTENSION = 5;

/**
 * One track as RTP, made once for all viewers: every frame is packetized when it arrives and its packets are put in
 * the ring. They are the same for everybody but for three fields of the header, which each viewer's leg writes into
 * the shared bytes in place just before they are encrypted into a copy: payload type, sequence number, and the id of
 * the header extension.
 */
export class RtpTrack implements TrackReader {
  readonly kind: RtpKind;
  readonly name: string;
  readonly clockRate: number;
  readonly ring: PacketRing;
  /** Number of the first packet of the newest group; -1 before there is one. */
  groupStart = -1;
  /** Payload bytes since the start, for the measured bitrate. */
  bytes = 0;
  users = 0;
  readonly #deps: RtpTrackDeps;
  readonly #followers = new Set<RtpFollower>();
  readonly #extension = encodeExtension([{ id: 1, value: new Uint8Array(3) }]);
  readonly #h264: H264Packetizer;
  readonly #opus: OpusPacketizer;
  readonly #steady = new SteadyTimestamps();
  readonly #fresh: Uint8Array[] = [];
  #reading: TrackReading | undefined;
  #source: Track | undefined;
  #groupBegins = false;

  constructor(options: RtpTrackOptions, deps: RtpTrackDeps) {
    const { kind, ssrc, maxPayloadBytes } = options;
    this.kind = kind;
    this.name = options.name;
    this.#deps = deps;
    this.clockRate = kind === "video" ? VIDEO_CLOCK_RATE : OPUS_CLOCK_RATE;
    this.ring = new PacketRing(CAPACITY[kind]);
    const stream = new RtpStream({ ssrc, payloadType: 0, extension: this.#extension });
    this.#h264 = new H264Packetizer(stream, { maxPayloadBytes });
    this.#opus = new OpusPacketizer(stream);
  }

  get bound(): boolean {
    return this.#reading !== undefined;
  }

  /** Takes frames from `source`, which may be another incarnation than before: viewers go on. */
  bind(source: Track): void {
    if (this.#source === source && this.bound) return;
    this.unbind();
    this.#source = source;
    this.#reading = source.subscribe(this, { priority: PRIORITY[this.kind], maxLatencyMs: MAX_LATENCY_MS });
  }

  /** Idempotent. */
  unbind(): void {
    this.#reading?.close();
    this.#reading = undefined;
    this.#source = undefined;
  }

  follow(follower: RtpFollower): void {
    this.#followers.add(follower);
  }

  unfollow(follower: RtpFollower): void {
    this.#followers.delete(follower);
  }

  onGroup(): void {
    this.#groupBegins = true;
  }

  /** Hot path: once per frame, for all viewers together. */
  onFrame(frame: WireFrame): void {
    const fresh = this.#fresh;
    fresh.length = 0;
    try {
      this.#packetize(frame.wire.subarray(frame.payloadOffset), fresh);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#deps.onBadFrame();
      return;
    }
    const { ring } = this;
    const first = ring.end;
    for (const packet of fresh) {
      ring.push(packet);
      this.bytes += packet.byteLength;
    }
    fresh.length = 0;
    const startsGroup = this.#groupBegins;
    this.#groupBegins = false;
    if (startsGroup) this.groupStart = first;
    for (const follower of this.#followers) follower.onPackets(this, first, startsGroup);
  }

  #packetize(bytes: Uint8Array, into: Uint8Array[]): void {
    const { timestampUs, payload } = decodeLegacyFrame(bytes);
    // A marker without data ends a group; there is nothing to send.
    if (payload.byteLength === 0) return;
    const timestamp = rtpTimestampOfUs(timestampUs, this.clockRate);
    // A packet that is sent again must be the same to the bit, so this is the time of packetizing for all of them.
    absoluteSendTime(this.#extension, SEND_TIME_OFFSET_IN_EXTENSION, this.#deps.nowUs());
    if (this.kind === "video") this.#h264.packetize(payload, timestamp, into);
    else {
      const durationTicks = (opusPacketDurationUs(payload) * OPUS_CLOCK_RATE) / 1_000_000;
      into.push(this.#opus.packetize(payload, this.#steady.take(timestamp, durationTicks)));
    }
  }

  onClosed(): void {
    this.#reading = undefined;
    this.#source = undefined;
  }
}
