import { randomBytes } from "node:crypto";
import {
  encodeSenderReport,
  encodeSourceDescription,
  H264Packetizer,
  isRtcp,
  ntpOfUnixUs,
  OPUS_CLOCK_RATE,
  OpusPacketizer,
  parseRtcp,
  RtpStream,
  rtpSequence,
  rtpTimestampOfUs,
  VIDEO_CLOCK_RATE,
} from "@canopy/media/rtp";
import { backoffMs, type Logger } from "@canopy/runtime";
import { openWebRtcPublisher, type WebRtcPublisher } from "@canopy/transport/webrtc";
import { BroadcastError } from "./broadcast-error.ts";
import type { EncodedPacket, PacketSink, StreamFormats } from "./encoded-packet.ts";
import { hasParameterSets } from "./parameter-sets.ts";

const VIDEO_PAYLOAD_TYPE = 102;
const AUDIO_PAYLOAD_TYPE = 111;
const CNAME = "canopy-broadcast";
/** Sender reports, and the look at whether the server is still there. */
const TICK_MS = 1_000;
/** Servers report once a second; one that says nothing for this long is gone. */
const SILENT_MS = 8_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A second of video at 10 Mbit/s: what can be asked for again. 1.2 MB. */
const KEPT_PACKETS = 1_024;

export interface WhipSinkOptions {
  /** `http(s)://host/whip/<broadcast>[?jwt=…]`. */
  readonly url: string;
  readonly formats: StreamFormats;
}

export interface WhipSinkDeps {
  readonly logger: Logger;
  readonly nowMs: () => number;
}

interface Session {
  readonly publisher: WebRtcPublisher;
  readonly video: RtpStream;
  readonly audio: RtpStream;
  readonly packetizer: H264Packetizer;
  readonly opus: OpusPacketizer;
  /** What was sent of the picture, by sequence number modulo the size of the ring. */
  readonly kept: (Uint8Array | undefined)[];
  connected: boolean;
  heardMs: number;
  skipToKeyframe: boolean;
  /** URL of the session, once there is one. */
  resource: string | undefined;
}

/** Publishes by WHIP: H.264 and Opus over WebRTC; comes back by itself when the server goes away. */
export class WhipSink implements PacketSink {
  readonly #options: WhipSinkOptions;
  readonly #deps: WhipSinkDeps;
  readonly #packets: Uint8Array[] = [];
  readonly #tick: NodeJS.Timeout;
  #session: Session | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #closed = false;
  #dropped = 0;

  constructor(options: WhipSinkOptions, deps: WhipSinkDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    void this.#connect();
  }

  /** Packets that were not sent: no connection, or before its first keyframe. */
  get droppedPackets(): number {
    return this.#dropped;
  }

  write(packet: EncodedPacket): void {
    const session = this.#session;
    if (session?.connected !== true) this.#dropped++;
    else if (packet.kind === "audio") this.#writeAudio(session, packet);
    else this.#writeVideo(session, packet);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#retry);
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    if (session.resource !== undefined) await endSession(session.resource);
    session.publisher.close();
  }

  #writeVideo(session: Session, packet: EncodedPacket): void {
    if (session.skipToKeyframe && !packet.keyframe) {
      this.#dropped++;
      return;
    }
    session.skipToKeyframe = false;
    const { video } = this.#options.formats;
    let { data } = packet;
    if (packet.keyframe && video !== undefined && !hasParameterSets(data))
      data = Buffer.concat([video.parameterSets, data]);
    const packets = this.#packets;
    packets.length = 0;
    session.packetizer.packetize(data, rtpTimestampOfUs(packet.timestampUs, VIDEO_CLOCK_RATE), packets);
    for (const rtp of packets) {
      session.kept[rtpSequence(rtp) % KEPT_PACKETS] = rtp;
      session.publisher.send("video", asBuffer(rtp));
    }
  }

  #writeAudio(session: Session, packet: EncodedPacket): void {
    const timestamp = rtpTimestampOfUs(packet.timestampUs, OPUS_CLOCK_RATE);
    session.publisher.send("audio", asBuffer(session.opus.packetize(packet.data, timestamp)));
  }

  async #connect(): Promise<void> {
    const session = await this.#openSession().catch((error: unknown) => {
      this.#reconnect(error instanceof Error ? error.message : String(error));
      return undefined;
    });
    if (session === undefined) return;
    try {
      const { answer, resource } = await postOffer(this.#options.url, session.publisher.offer);
      session.resource = resource;
      if (this.#closed) {
        await endSession(resource);
        session.publisher.close();
        return;
      }
      session.publisher.accept(answer);
    } catch (error) {
      session.publisher.close();
      if (this.#session === session) this.#session = undefined;
      this.#reconnect(error instanceof Error ? error.message : String(error));
    }
  }

  async #openSession(): Promise<Session> {
    const { formats } = this.#options;
    const stream = (payloadType: number): RtpStream =>
      new RtpStream({
        ssrc: randomBytes(4).readUInt32BE(),
        payloadType,
        firstSequence: randomBytes(2).readUInt16BE(),
      });
    const video = stream(VIDEO_PAYLOAD_TYPE);
    const audio = stream(AUDIO_PAYLOAD_TYPE);
    const publisher = await openWebRtcPublisher(
      { video: formats.video && video, audio: formats.audio && audio, cname: CNAME },
      {
        onConnected: () => this.#onConnected(session),
        onRtcp: (packet) => this.#onRtcp(session, packet),
        onClosed: () => this.#onClosed(session, "the connection is closed"),
      },
    );
    const session: Session = {
      publisher,
      video,
      audio,
      packetizer: new H264Packetizer(video),
      opus: new OpusPacketizer(audio),
      kept: new Array<Uint8Array | undefined>(KEPT_PACKETS).fill(undefined),
      connected: false,
      heardMs: performance.now() + CONNECT_TIMEOUT_MS - SILENT_MS,
      skipToKeyframe: true,
      resource: undefined,
    };
    this.#session = session;
    return session;
  }

  #onConnected(session: Session): void {
    if (this.#session !== session || session.connected) return;
    this.#attempt = 0;
    session.connected = true;
    session.heardMs = performance.now();
    const { origin, pathname } = new URL(this.#options.url);
    this.#deps.logger.info({ target: origin + pathname }, "publishing over WHIP");
    this.#report(session);
  }

  #onRtcp(session: Session, packet: Uint8Array): void {
    session.heardMs = performance.now();
    if (!isRtcp(packet)) return;
    try {
      for (const one of parseRtcp(packet)) {
        if (one.kind !== "nack" || one.mediaSsrc !== session.video.ssrc) continue;
        for (const sequence of one.sequences) {
          const kept = session.kept[sequence % KEPT_PACKETS];
          if (kept !== undefined && rtpSequence(kept) === sequence)
            session.publisher.send("video", asBuffer(kept));
        }
      }
    } catch (error) {
      this.#deps.logger.debug({ err: error }, "RTCP of the server is not valid");
    }
  }

  #onTick(): void {
    const session = this.#session;
    if (session === undefined) return;
    if (performance.now() - session.heardMs > SILENT_MS) {
      session.publisher.close();
      this.#onClosed(session, "the server says nothing");
    } else if (session.connected) this.#report(session);
  }

  #report(session: Session): void {
    const nowUs = Math.round(this.#deps.nowMs() * 1_000);
    const { seconds, fraction } = ntpOfUnixUs(nowUs);
    const { formats } = this.#options;
    for (const [kind, stream, clockRate] of [
      ["video", session.video, VIDEO_CLOCK_RATE],
      ["audio", session.audio, OPUS_CLOCK_RATE],
    ] as const) {
      if (formats[kind] === undefined) continue;
      const report = encodeSenderReport({
        ssrc: stream.ssrc,
        ntpSeconds: seconds,
        ntpFraction: fraction,
        rtpTimestamp: rtpTimestampOfUs(nowUs, clockRate),
        packets: stream.packets,
        octets: stream.octets,
        reports: [],
      });
      session.publisher.send(kind, Buffer.concat([report, encodeSourceDescription(stream.ssrc, CNAME)]));
    }
  }

  #onClosed(session: Session, reason: string): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#reconnect(reason);
  }

  #reconnect(reason: string): void {
    if (this.#closed) return;
    const waitMs = backoffMs(this.#attempt++, Math.random());
    this.#deps.logger.warn({ waitMs, reason }, "no WHIP session");
    this.#retry = setTimeout(() => void this.#connect(), waitMs);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** RFC 9725 section 4.2. @throws BroadcastError target_refused, target_unreachable */
async function postOffer(
  url: string,
  offer: string,
): Promise<{ readonly answer: string; readonly resource: string }> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: offer,
      signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new BroadcastError("target_unreachable", "the server does not answer", { cause });
  }
  const text = await response.text();
  const location = response.headers.get("location");
  if (response.status !== 201 || location === null)
    throw new BroadcastError("target_refused", `the server answered ${response.status}: ${detailOf(text)}`);
  return { answer: text, resource: new URL(location, url).href };
}

/** Of problem+json, or the start of whatever else came. */
function detailOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    return String(detail ?? title);
  } catch {
    return text.slice(0, 200);
  }
}

async function endSession(resource: string): Promise<void> {
  try {
    await fetch(resource, { method: "DELETE", signal: AbortSignal.timeout(2_000) });
  } catch {
    // The server notices the end of the packets by itself.
  }
}
