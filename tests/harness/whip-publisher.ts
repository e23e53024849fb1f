import {
  encodeSenderReport,
  H264Packetizer,
  isRtcp,
  ntpOfUnixUs,
  OpusPacketizer,
  parseRtcp,
  type RtcpPacket,
  RtpStream,
  rtpSequence,
  rtpTimestampOfUs,
} from "@canopy/media/rtp";
import { Audio, PeerConnection, type Track, Video } from "node-datachannel";
import type { WhipClip } from "./whip-clip.ts";

export interface WhipPublisherOptions {
  /** `http://…/whip/<broadcast>`, with `?jwt=` if need be. */
  readonly url: string;
  readonly clip: WhipClip;
  /** Whether a packet gets lost on its way. Repeats are asked about, too. */
  readonly loses?: (kind: "video" | "audio", sequence: number, isRepeat: boolean) => boolean;
  /** How much later than it was captured each kind is sent, ms. */
  readonly videoDelayMs?: number;
  /** How far the publisher's wall clock is off, ms. */
  readonly clockOffMs?: number;
  /** False: no keyframe is sent on request. */
  readonly answersRequests?: boolean;
  /** Changes the offer before it is posted. */
  readonly editOffer?: (sdp: string) => string;
}

/** A picture or packet of sound, and when it was "captured". */
export interface SentFrame {
  readonly index: number;
  readonly capturedUs: number;
}

const VIDEO_SSRC = 0x1111_1111;
const AUDIO_SSRC = 0x2222_2222;
const AUDIO_FRAME_MS = 20;
const REPORT_MS = 500;
const TICK_MS = 5;
const KEPT_PACKETS = 2_048;

/** A WHIP publisher that is not ours: libdatachannel, with media that ffmpeg made. */
export class WhipPublisher implements AsyncDisposable {
  readonly connection: PeerConnection;
  readonly rtcp: RtcpPacket[] = [];
  readonly sentVideo: SentFrame[] = [];
  readonly sentAudio: SentFrame[] = [];
  lostPackets = 0;
  repeatedPackets = 0;
  /** Of the session, absolute. */
  readonly location: string;
  readonly etag: string;
  readonly answer: string;
  readonly #options: WhipPublisherOptions;
  readonly #videoTrack: Track | undefined;
  readonly #audioTrack: Track | undefined;
  readonly #video = new RtpStream({ ssrc: VIDEO_SSRC, payloadType: 102, firstSequence: 65_500 });
  readonly #audio = new RtpStream({ ssrc: AUDIO_SSRC, payloadType: 111, firstSequence: 65_500 });
  readonly #packetizer = new H264Packetizer(this.#video);
  readonly #opus = new OpusPacketizer(this.#audio);
  readonly #kept = new Map<number, Uint8Array>();
  readonly #waiting: { readonly atMs: number; readonly packets: Uint8Array[] }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #startUs = 0;
  #videoCount = 0;
  #audioCount = 0;
  /** Place in the clip; jumps to a keyframe when one is asked for. */
  #unit = 0;
  #wantsKeyframe = false;
  #reportedMs = 0;

  private constructor(
    options: WhipPublisherOptions,
    parts: {
      readonly connection: PeerConnection;
      readonly video: Track | undefined;
      readonly audio: Track | undefined;
      readonly location: string;
      readonly etag: string;
      readonly answer: string;
    },
  ) {
    this.#options = options;
    this.connection = parts.connection;
    this.#videoTrack = parts.video;
    this.#audioTrack = parts.audio;
    this.location = parts.location;
    this.etag = parts.etag;
    this.answer = parts.answer;
    for (const track of [parts.video, parts.audio]) track?.onMessage((packet) => this.#receive(packet));
  }

  /** Posts the offer and waits until the connection is up. Rejects with the problem's text if it was refused. */
  static async connect(options: WhipPublisherOptions): Promise<WhipPublisher> {
    const connection = new PeerConnection("publisher", {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
    });
    try {
      const { clip } = options;
      const video = clip.video.length > 0 ? connection.addTrack(describeVideo()) : undefined;
      const audio = clip.audio.length > 0 ? connection.addTrack(describeAudio()) : undefined;
      const connected = untilConnected(connection);
      const offer = await createOffer(connection);
      const response = await postOffer(options.url, options.editOffer?.(offer) ?? offer);
      const answer = await response.text();
      if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
      connection.setRemoteDescription(answer, "answer");
      await connected;
      const location = new URL(response.headers.get("location") ?? "", options.url).href;
      const etag = response.headers.get("etag") ?? "";
      return new WhipPublisher(options, { connection, video, audio, location, etag, answer });
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Sends in real time until it is stopped. */
  start(): this {
    this.#startUs = Date.now() * 1_000;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    return this;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Ends the session by HTTP. */
  async end(): Promise<number> {
    this.stop();
    const { status } = await fetch(this.location, { method: "DELETE" });
    return status;
  }

  /** Sends any bytes as RTP or RTCP; false where the library itself refuses to encrypt them. */
  sendRaw(packet: Uint8Array): boolean {
    try {
      send(this.#videoTrack ?? this.#audioTrack, packet);
      return true;
    } catch {
      return false;
    }
  }

  count(kind: RtcpPacket["kind"]): number {
    return this.rtcp.filter((packet) => packet.kind === kind).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    this.connection.close();
  }

  #tick(): void {
    const nowUs = Date.now() * 1_000;
    const { clip, videoDelayMs = 0 } = this.#options;
    const elapsedMs = (nowUs - this.#startUs) / 1_000;
    while (clip.video.length > 0 && this.#videoCount * (1_000 / clip.fps) <= elapsedMs) {
      this.#waiting.push({ atMs: elapsedMs + videoDelayMs, packets: this.#nextPicture() });
    }
    while ((this.#waiting[0]?.atMs ?? Number.POSITIVE_INFINITY) <= elapsedMs) {
      for (const packet of this.#waiting.shift()?.packets ?? []) this.#send("video", packet, false);
    }
    while (clip.audio.length > 0 && this.#audioCount * AUDIO_FRAME_MS <= elapsedMs) this.#nextSound();
    if (elapsedMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = elapsedMs;
    this.#report(nowUs);
  }

  #nextPicture(): Uint8Array[] {
    const { clip } = this.#options;
    if (this.#wantsKeyframe) {
      this.#wantsKeyframe = false;
      while (clip.video[this.#unit % clip.video.length]?.keyframe === false) this.#unit++;
    }
    const index = this.#unit++ % clip.video.length;
    const capturedUs = Math.round(this.#startUs + (this.#videoCount++ * 1_000_000) / clip.fps);
    this.sentVideo.push({ index, capturedUs });
    const packets: Uint8Array[] = [];
    const annexB = clip.video[index]?.annexB ?? new Uint8Array();
    this.#packetizer.packetize(annexB, rtpTimestampOfUs(capturedUs + 77_000_000, 90_000), packets);
    for (const packet of packets) this.#keep(packet);
    return packets;
  }

  #nextSound(): void {
    const { clip } = this.#options;
    const index = this.#audioCount % clip.audio.length;
    const capturedUs = this.#startUs + this.#audioCount++ * AUDIO_FRAME_MS * 1_000;
    this.sentAudio.push({ index, capturedUs });
    const frame = clip.audio[index] ?? new Uint8Array();
    this.#send("audio", this.#opus.packetize(frame, rtpTimestampOfUs(capturedUs + 5_000_000, 48_000)), false);
  }

  #keep(packet: Uint8Array): void {
    const sequence = rtpSequence(packet);
    this.#kept.set(sequence, packet);
    this.#kept.delete((sequence - KEPT_PACKETS) & 0xffff);
  }

  #send(kind: "video" | "audio", packet: Uint8Array, isRepeat: boolean): void {
    if (this.#options.loses?.(kind, rtpSequence(packet), isRepeat) === true) {
      this.lostPackets++;
      return;
    }
    if (isRepeat) this.repeatedPackets++;
    send(kind === "video" ? this.#videoTrack : this.#audioTrack, packet);
  }

  #report(nowUs: number): void {
    const { clockOffMs = 0, clip } = this.#options;
    const { seconds, fraction } = ntpOfUnixUs(nowUs + clockOffMs * 1_000);
    const common = { ntpSeconds: seconds, ntpFraction: fraction, reports: [] };
    if (clip.video.length > 0) {
      const { packets, octets } = this.#video;
      const rtpTimestamp = rtpTimestampOfUs(nowUs + 77_000_000, 90_000);
      const report = { ...common, ssrc: VIDEO_SSRC, packets, octets, rtpTimestamp };
      send(this.#videoTrack, encodeSenderReport(report));
    }
    if (clip.audio.length > 0) {
      const { packets, octets } = this.#audio;
      const rtpTimestamp = rtpTimestampOfUs(nowUs + 5_000_000, 48_000);
      const report = { ...common, ssrc: AUDIO_SSRC, packets, octets, rtpTimestamp };
      send(this.#audioTrack, encodeSenderReport(report));
    }
  }

  #receive(packet: Buffer): void {
    if (!isRtcp(packet)) return;
    for (const one of parseRtcp(packet)) {
      this.rtcp.push(one);
      if (one.kind === "pli" || one.kind === "fir") {
        this.#wantsKeyframe = this.#options.answersRequests !== false;
      } else if (one.kind === "nack") {
        for (const sequence of one.sequences) {
          const kept = this.#kept.get(sequence);
          if (kept !== undefined) this.#send("video", kept, true);
        }
      }
    }
  }
}

function send(track: Track | undefined, packet: Uint8Array): void {
  if (track?.isOpen() === true) track.sendMessageBinary(Buffer.from(packet));
}

function describeVideo(): Video {
  const video = new Video("video", "SendOnly");
  video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  video.addSSRC(VIDEO_SSRC, "publisher", "stream", "video");
  return video;
}

function describeAudio(): Audio {
  const audio = new Audio("audio", "SendOnly");
  audio.addOpusCodec(111);
  audio.addSSRC(AUDIO_SSRC, "publisher", "stream", "audio");
  return audio;
}

function untilConnected(connection: PeerConnection): Promise<void> {
  const connected = new Promise<void>((resolve, reject) => {
    connection.onStateChange((state) => {
      if (state === "connected") resolve();
      else if (state === "failed" || state === "closed") reject(new Error(`the connection is ${state}`));
    });
  });
  // Nobody waits for it when the offer was refused.
  connected.catch(() => {});
  return connected;
}

/**
 * The offer of a connection whose tracks are added, without candidates: the server learns them from the first check.
 * With them its own checks arrive before the answer does, and libdatachannel, which looks up the fingerprint only
 * after it has started ICE, now and then fails its handshake on loopback.
 */
export async function createOffer(connection: PeerConnection): Promise<string> {
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.setLocalDescription("offer");
  await gathered;
  return (connection.localDescription()?.sdp ?? "").replace(/^a=candidate:.*\r\n/gm, "");
}

export function postOffer(url: string, sdp: string): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "content-type": "application/sdp" }, body: sdp });
}
