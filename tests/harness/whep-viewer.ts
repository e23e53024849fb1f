import { randomInt } from "node:crypto";
import { encodeEstimatedBitrate, TransportFeedbackRecorder } from "@canopy/media/rtp";
import { Audio, PeerConnection, RtcpReceivingSession, type Track, Video } from "node-datachannel";
import {
  GenericNack,
  PictureLossIndication,
  RtcpPacketConverter,
  RtcpPayloadSpecificFeedback,
  type RtcpReceiverInfo,
  RtcpRrPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
} from "werift-rtp";
import { RtpReception, type RtpReceptionStats } from "./rtp-reception.ts";
import { throughProxy, type UdpProxy, withoutCandidates } from "./udp-proxy.ts";
import { waitFor } from "./wait-for.ts";

export type MediaKind = "video" | "audio";

export interface WhepViewerOptions {
  /** Such as `http://127.0.0.1:4443`; the host and port of the edge. */
  readonly url: string;
  readonly broadcast: string;
  readonly token?: string;
  /** The path that media takes. */
  readonly proxy?: UdpProxy;
  /** Asks for another rhythm of looking for what is missing; shared by the viewers of a process. */
  readonly ticker?: ReceiverTicker;
  readonly kinds?: readonly MediaKind[];
  /** Takes part in congestion control as browsers do, in the way that the edge chooses; on unless said otherwise. */
  readonly congestionFeedback?: boolean;
  /** Packets are received, decrypted and reported on by libdatachannel alone, and nothing is counted: a cheap load. */
  readonly isSilent?: boolean;
  /** A whole frame. `ageMs` is now minus its media time; undefined before the first sender report. */
  readonly onFrame?: (kind: MediaKind, ageMs: number | undefined) => void;
}

/** How often missing packets are looked for, as in libwebrtc. */
const TICK_MS = 20;
/** RFC 3550 allows one per 5 s and more where the session's bandwidth does; browsers send about this. */
const REPORT_MS = 1_000;
/** libwebrtc sends 4 to 20 a second. */
const TRANSPORT_FEEDBACK_MS = 100;
const CONNECT_DEADLINE_MS = 60_000;
const TRANSPORT_FEEDBACK_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const TRANSPORT_FEEDBACK_ID = 5;
const SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const SEND_TIME_ID = 4;
/** What libwebrtc's estimate comes to on a path that is not full: so much above what arrives. */
const ESTIMATE_SHARE = 1.5;
const ESTIMATE_FLOOR_BPS = 10_000;
const VIDEO_PAYLOAD_TYPE = 102;
const AUDIO_PAYLOAD_TYPE = 111;
/** Seconds from 1900 to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;

/** One timer for many receivers. */
export class ReceiverTicker {
  readonly #receivers = new Set<(nowMs: number) => void>();
  #timer: NodeJS.Timeout | undefined;

  add(tick: (nowMs: number) => void): void {
    this.#receivers.add(tick);
    this.#timer ??= setInterval(() => {
      const nowMs = performance.now();
      for (const receiver of this.#receivers) receiver(nowMs);
    }, TICK_MS);
  }

  remove(tick: (nowMs: number) => void): void {
    this.#receivers.delete(tick);
    if (this.#receivers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

interface SenderClock {
  /** Of the last sender report: its middle 32 bits, its time and its RTP time. */
  readonly lsr: number;
  readonly unixMs: number;
  readonly rtpTimestamp: number;
  readonly receivedMs: number;
}

class ReceivedTrack {
  readonly kind: MediaKind;
  readonly clockRate: number;
  readonly track: Track;
  readonly reception: RtpReception;
  clock: SenderClock | undefined;
  plis = 0;

  constructor(kind: MediaKind, track: Track, onFrame: WhepViewerOptions["onFrame"]) {
    this.kind = kind;
    this.clockRate = kind === "video" ? 90_000 : 48_000;
    this.track = track;
    this.reception = new RtpReception(
      { kind, clockRate: this.clockRate },
      onFrame === undefined
        ? {}
        : { onFrame: (timestamp, _keyframe, nowMs) => onFrame(kind, this.#ageMs(timestamp, nowMs)) },
    );
  }

  /** Now minus media time: sender reports carry the media time, which is wall-clock time. */
  #ageMs(timestamp: number, nowMs: number): number | undefined {
    if (this.clock === undefined) return undefined;
    const ticks = (timestamp - this.clock.rtpTimestamp) | 0;
    return performance.timeOrigin + nowMs - (this.clock.unixMs + (ticks / this.clockRate) * 1000);
  }
}

/** What a viewer saw of one track. */
export interface WhepTrackStats extends RtpReceptionStats {
  /** Keyframes asked for. */
  readonly plis: number;
}

/**
 * A viewer without a screen: plays a broadcast by WHEP with libdatachannel, counts what arrives, and sends what a
 * browser would: receiver reports, transport-wide feedback, requests for lost packets and for keyframes.
 */
export class WhepViewer implements AsyncDisposable {
  readonly #options: WhepViewerOptions;
  readonly #connection: PeerConnection;
  readonly #tracks: ReceivedTrack[] = [];
  readonly #ssrc = randomInt(1, 2 ** 32);
  readonly #ticker: ReceiverTicker;
  readonly #tick = (nowMs: number): void => this.#onTick(nowMs);
  #feedback: TransportFeedbackRecorder | undefined;
  #location: string | undefined;
  #state = "new";
  #reportedMs = 0;
  /** The edge takes REMB. */
  #estimates = false;
  #estimatedBytes = 0;
  #feedbackMs = 0;
  #closed = false;

  private constructor(options: WhepViewerOptions) {
    this.#options = options;
    this.#ticker = options.ticker ?? new ReceiverTicker();
    this.#connection = new PeerConnection("viewer", {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
    });
    this.#connection.onStateChange((state) => {
      this.#state = state;
    });
    for (const kind of options.kinds ?? ["video", "audio"]) this.#addTrack(kind);
  }

  /** Connects; resolves once media can flow. */
  static async connect(options: WhepViewerOptions): Promise<WhepViewer> {
    const viewer = new WhepViewer(options);
    try {
      await viewer.#open();
    } catch (error) {
      await viewer.close();
      throw error;
    }
    return viewer;
  }

  /** Of the peer connection, as libdatachannel names it. */
  get state(): string {
    return this.#state;
  }

  /** The session's resource at the edge. */
  get location(): string {
    return this.#location ?? "";
  }

  /** What it asked for. */
  get kinds(): readonly MediaKind[] {
    return this.#tracks.map(({ kind }) => kind);
  }

  stats(kind: MediaKind): WhepTrackStats {
    const found = this.#tracks.find((track) => track.kind === kind);
    if (found === undefined) throw new Error(`the viewer did not ask for ${kind}`);
    return { ...found.reception.stats, plis: found.plis };
  }

  /** Counts a picture that stands still right now as a freeze, if it does for long enough. */
  finish(): void {
    for (const { reception } of this.#tracks) reception.finish(performance.now());
  }

  /** What was the longest pause so far is forgotten, such as that of the start. */
  forgetPauses(): void {
    for (const { reception } of this.#tracks) reception.stats.longestPauseMs = 0;
  }

  #addTrack(kind: MediaKind): void {
    const description = kind === "video" ? new Video("0", "RecvOnly") : new Audio("1", "RecvOnly");
    if (description instanceof Video) {
      description.addH264Codec(
        VIDEO_PAYLOAD_TYPE,
        "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
      );
    } else description.addOpusCodec(AUDIO_PAYLOAD_TYPE);
    const track = this.#connection.addTrack(description);
    const received = new ReceivedTrack(kind, track, this.#options.onFrame);
    this.#tracks.push(received);
    if (this.#options.isSilent === true) {
      // Nobody takes what arrives: the library drops it when a track's queue of 1 MiB is full.
      track.setMediaHandler(new RtcpReceivingSession());
      return;
    }
    track.onMessage((packet) => {
      if (!this.#closed) this.#onPacket(received, packet);
    });
  }

  async #open(): Promise<void> {
    const { proxy } = this.#options;
    const gathered = new Promise<void>((resolve) => {
      this.#connection.onGatheringStateChange((state) => {
        if (state === "complete") resolve();
      });
    });
    this.#connection.setLocalDescription("offer");
    await gathered;
    const local = this.#connection.localDescription()?.sdp ?? "";
    // The edge learns where the checks come from. With candidates in the offer its own checks may come before its
    // answer, which libdatachannel does not survive ("Got a remote candidate without ICE transport").
    const answer = await this.#post(this.#offer(withoutCandidates(local)));
    this.#estimates = / goog-remb\r$/m.test(answer);
    if (answer.includes(TRANSPORT_FEEDBACK_URI)) this.#feedback = new TransportFeedbackRecorder(this.#ssrc);
    this.#connection.setRemoteDescription(
      proxy === undefined ? answer : throughProxy(answer, proxy),
      "answer",
    );
    await waitFor(
      () => `the viewer's connection, which is ${this.#state}`,
      () => {
        if (this.#state === "failed" || this.#state === "closed")
          throw new Error(`the connection is ${this.#state}`);
        return this.#tracks.every(({ kind, track }) => track.isOpen() || isRefused(answer, kind));
      },
      CONNECT_DEADLINE_MS,
    );
    this.#reportedMs = performance.now();
    if (this.#options.isSilent !== true) this.#ticker.add(this.#tick);
  }

  /** libdatachannel writes no header extensions. */
  #offer(sdp: string): string {
    if (this.#options.congestionFeedback === false) return sdp.replace(/^a=rtcp-fb:.* goog-remb\r\n/gm, "");
    const extensions = `a=extmap:${SEND_TIME_ID} ${SEND_TIME_URI}\r\na=extmap:${TRANSPORT_FEEDBACK_ID} ${TRANSPORT_FEEDBACK_URI}`;
    return sdp
      .replace(/^(a=mid:.*)$/gm, `$1\r\n${extensions}`)
      .replace(/^(a=rtpmap:(\d+) .*)$/gm, "$1\r\na=rtcp-fb:$2 transport-cc")
      .replaceAll("\r\r\n", "\r\n");
  }

  async #post(offer: string): Promise<string> {
    const { url, broadcast, token } = this.#options;
    const endpoint = new URL(`/whep/${broadcast}`, url);
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/sdp",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: offer,
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(`${endpoint} answered ${response.status}: ${body}`);
    this.#location = new URL(response.headers.get("location") ?? "", endpoint).href;
    return body;
  }

  #onPacket(received: ReceivedTrack, packet: Buffer): void {
    const nowMs = performance.now();
    // RFC 5761 section 4: how the two are told apart on one port.
    const type = packet.byteLength < 8 ? 0 : packet.readUInt8(1);
    if (type >= 192 && type <= 223) {
      this.#onRtcp(packet, nowMs);
      return;
    }
    if (this.#feedback !== undefined) {
      const sequence = transportSequence(packet);
      if (sequence !== undefined) this.#feedback.packet(sequence, Math.round(nowMs * 1000));
    }
    received.reception.take(packet, nowMs);
  }

  #onRtcp(packet: Buffer, nowMs: number): void {
    for (const rtcp of RtcpPacketConverter.deSerialize(packet)) {
      if (!(rtcp instanceof RtcpSrPacket)) continue;
      const received = this.#tracks.find(({ reception }) => reception.ssrc === rtcp.ssrc);
      if (received === undefined) continue;
      const { ntpTimestamp, rtpTimestamp } = rtcp.senderInfo;
      const seconds = Number(ntpTimestamp >> 32n);
      const fraction = Number(ntpTimestamp & 0xffffffffn) / 2 ** 32;
      received.clock = {
        lsr: Number((ntpTimestamp >> 16n) & 0xffffffffn),
        unixMs: (seconds - NTP_EPOCH_SECONDS + fraction) * 1000,
        rtpTimestamp,
        receivedMs: nowMs,
      };
    }
  }

  #onTick(nowMs: number): void {
    for (const received of this.#tracks) {
      const { reception } = received;
      const lost = reception.nacks(nowMs);
      if (lost.length > 0) this.#send(received, nack(this.#ssrc, reception.ssrc, lost));
      if (reception.wantsKeyframe(nowMs)) {
        received.plis++;
        this.#send(received, pli(this.#ssrc, reception.ssrc));
      }
    }
    if (nowMs - this.#reportedMs >= REPORT_MS) this.#sendReports(nowMs);
    if (this.#feedback !== undefined && nowMs - this.#feedbackMs >= TRANSPORT_FEEDBACK_MS) {
      this.#feedbackMs = nowMs;
      this.#sendFeedback(this.#feedback);
    }
  }

  /** One packet for all tracks, with the estimate where the edge takes one (RFC 3550 section 6.1). */
  #sendReports(nowMs: number): void {
    const elapsedMs = nowMs - this.#reportedMs;
    this.#reportedMs = nowMs;
    const reports: RtcpReceiverInfo[] = [];
    for (const { clock, reception } of this.#tracks) {
      // RFC 3550 section 6.4.1: units of 1/65536 s.
      const dlsr = clock === undefined ? 0 : Math.round(((nowMs - clock.receivedMs) / 1000) * 65_536);
      const report = reception.report(clock?.lsr ?? 0, dlsr);
      if (report !== undefined) reports.push(report);
    }
    const first = this.#tracks.find(({ reception }) => reception.ssrc !== 0);
    if (first === undefined) return;
    const compound = [new RtcpRrPacket({ ssrc: this.#ssrc, reports }).serialize()];
    if (this.#estimates) compound.push(this.#estimate(elapsedMs));
    this.#send(first, Buffer.concat(compound));
  }

  /** REMB (draft-alvestrand-rmcat-remb), over all tracks. */
  #estimate(elapsedMs: number): Buffer<ArrayBuffer> {
    const received = this.#tracks.filter(({ reception }) => reception.ssrc !== 0);
    const bytes = received.reduce((sum, { reception }) => sum + reception.stats.bytes, 0);
    const bitsPerSecond = ((bytes - this.#estimatedBytes) * 8_000) / elapsedMs;
    this.#estimatedBytes = bytes;
    const estimate = encodeEstimatedBitrate(
      this.#ssrc,
      bitsPerSecond * ESTIMATE_SHARE + ESTIMATE_FLOOR_BPS,
      received.map(({ reception }) => reception.ssrc),
    );
    return Buffer.from(estimate.buffer, estimate.byteOffset, estimate.length);
  }

  #sendFeedback(recorder: TransportFeedbackRecorder): void {
    const received = this.#tracks.find(({ reception }) => reception.ssrc !== 0);
    if (received === undefined) return;
    const bytes = recorder.feedback(received.reception.ssrc);
    if (bytes !== undefined) this.#send(received, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  #send(received: ReceivedTrack, rtcp: Buffer): void {
    try {
      received.track.sendMessageBinary(rtcp);
    } catch {
      // The edge has closed the connection, and its event has not come to this thread yet.
    }
  }

  /** Ends the session at the edge as well. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ticker.remove(this.#tick);
    const { token } = this.#options;
    if (this.#location !== undefined) {
      await fetch(this.#location, {
        method: "DELETE",
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      }).catch(() => {
        // A node that was killed answers nobody.
      });
    }
    this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** RFC 3264 section 6: a section with port 0 was not taken, such as sound where the broadcast has none. */
function isRefused(answer: string, kind: MediaKind): boolean {
  return new RegExp(`^m=${kind} 0 `, "m").test(answer);
}

function nack(senderSsrc: number, mediaSourceSsrc: number, lost: number[]): Buffer {
  const feedback = new GenericNack({ senderSsrc, mediaSourceSsrc, lost });
  return new RtcpTransportLayerFeedback({ feedback }).serialize();
}

function pli(senderSsrc: number, mediaSsrc: number): Buffer {
  const feedback = new PictureLossIndication({ senderSsrc, mediaSsrc });
  return new RtcpPayloadSpecificFeedback({ feedback }).serialize();
}

/** The element of the one-byte extension (RFC 8285 section 4.2) that carries the transport-wide sequence number. */
function transportSequence(packet: Buffer): number | undefined {
  if (packet.byteLength < 16 || (packet.readUInt8(0) & 0x10) === 0) return undefined;
  const start = 12 + (packet.readUInt8(0) & 0x0f) * 4;
  if (start + 4 > packet.byteLength || packet.readUInt16BE(start) !== 0xbede) return undefined;
  const end = Math.min(packet.byteLength, start + 4 + packet.readUInt16BE(start + 2) * 4);
  for (let at = start + 4; at < end; ) {
    const head = packet.readUInt8(at);
    const length = head === 0 ? 0 : (head & 0x0f) + 1;
    if (head >> 4 === TRANSPORT_FEEDBACK_ID && at + 3 <= end) return packet.readUInt16BE(at + 1);
    at += 1 + length;
  }
  return undefined;
}
