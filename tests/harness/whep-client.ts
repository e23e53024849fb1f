import {
  encodeGenericNack,
  encodePictureLossIndication,
  H264Depacketizer,
  isRtcp,
  RtpHeader,
} from "@canopy/media/rtp";
import { Audio, type DataChannel, PeerConnection, type Track, Video } from "node-datachannel";

import { throughProxy, type UdpProxy, withoutCandidates } from "./udp-proxy.ts";

export interface WhepClientOptions {
  /** Such as `http://127.0.0.1:4443/whep/live/demo`. */
  readonly url: string;
  readonly video?: boolean;
  readonly audio?: boolean;
  /** Opens a data channel of that label. */
  readonly dataChannel?: string;
  readonly token?: string;
  /** The path that media takes. */
  readonly proxy?: UdpProxy;
  /** Whether lost packets are asked for again. */
  readonly nack?: boolean;
}

export type MediaKind = "video" | "audio";

/** What arrived of one section. */
export class ReceivedMedia {
  packets = 0;
  bytes = 0;
  duplicates = 0;
  readonly ssrcs = new Set<number>();
  readonly payloadTypes = new Set<number>();
  /** Sequence numbers, unwrapped, of everything that arrived. */
  readonly sequences = new Set<number>();
  readonly reports: Buffer[] = [];
  firstAtMs = 0;
  highest = -1;
}

/** Asked for this long after a gap was seen. */
const NACK_AFTER_MS = 20;
const NACK_ATTEMPTS = 20;

/** A WHEP viewer that is not a browser and not ours: libdatachannel, with a receiver's bookkeeping around it. */
export class WhepClient implements AsyncDisposable {
  readonly connection: PeerConnection;
  readonly media = new Map<MediaKind, ReceivedMedia>();
  readonly messages: string[] = [];
  /** Access units in order, with gaps where something was lost for good. */
  readonly pictures: {
    readonly bytes: Uint8Array;
    readonly rtpTimestamp: number;
    readonly isKeyframe: boolean;
  }[] = [];
  state = "new";
  location = "";
  etag = "";
  answer = "";
  readonly #options: WhepClientOptions;
  readonly #tracks = new Map<MediaKind, Track>();
  readonly #header = new RtpHeader();
  readonly #missing = new Map<number, { readonly sinceMs: number; attempts: number }>();
  readonly #held = new Map<number, Buffer>();
  readonly #depacketizer = new H264Depacketizer({}, { onAccessUnit: (unit) => this.pictures.push(unit) });
  readonly #timer: NodeJS.Timeout;
  #nextPush = -1;
  #channel: DataChannel | undefined;

  private constructor(options: WhepClientOptions) {
    this.#options = options;
    this.connection = new PeerConnection("whep", {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
    });
    this.connection.onStateChange((state) => {
      this.state = state;
    });
    if (options.video !== false) this.#addVideo();
    if (options.audio !== false) this.#addAudio();
    if (options.dataChannel !== undefined) {
      this.#channel = this.connection.createDataChannel(options.dataChannel);
      this.#channel.onMessage((message) => this.messages.push(String(message)));
    }
    this.#timer = setInterval(() => this.#askForMissing(), NACK_AFTER_MS);
  }

  /** Rejects with the response if it is not 201. */
  static async play(options: WhepClientOptions): Promise<WhepClient> {
    const client = new WhepClient(options);
    try {
      await client.#negotiate();
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  of(kind: MediaKind): ReceivedMedia {
    const media = this.media.get(kind);
    if (media === undefined) throw new Error(`no ${kind} was offered`);
    return media;
  }

  sendRtcp(packet: Uint8Array, kind: MediaKind = "video"): boolean {
    const track = this.#tracks.get(kind);
    return track?.isOpen() === true && track.sendMessageBinary(Buffer.from(packet));
  }

  askForKeyframe(): void {
    const [ssrc] = this.of("video").ssrcs;
    if (ssrc !== undefined) this.sendRtcp(encodePictureLossIndication(1, ssrc));
  }

  get missing(): number {
    return this.#missing.size;
  }

  /** Ends the session as WHEP wants it. */
  async stop(): Promise<number> {
    const response = await fetch(new URL(this.location, this.#options.url), { method: "DELETE" });
    return response.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.connection.close();
  }

  #addVideo(): void {
    const video = new Video("video", "RecvOnly");
    video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
    this.#follow("video", this.connection.addTrack(video));
  }

  #addAudio(): void {
    const audio = new Audio("audio", "RecvOnly");
    audio.addOpusCodec(111);
    this.#follow("audio", this.connection.addTrack(audio));
  }

  #follow(kind: MediaKind, track: Track): void {
    const media = new ReceivedMedia();
    this.media.set(kind, media);
    this.#tracks.set(kind, track);
    track.onMessage((packet) => this.#onPacket(kind, media, packet));
  }

  async #negotiate(): Promise<void> {
    const gathered = new Promise<void>((resolve) => {
      this.connection.onGatheringStateChange((state) => {
        if (state === "complete") resolve();
      });
    });
    this.connection.setLocalDescription("offer");
    await gathered;
    const { token, url, proxy } = this.#options;
    const offer = this.connection.localDescription()?.sdp ?? "";
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/sdp",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: likeBrowser(offer),
    });
    if (response.status !== 201) throw new WhepRefusal(response.status, await response.text());
    this.location = response.headers.get("location") ?? "";
    this.etag = response.headers.get("etag") ?? "";
    this.answer = await response.text();
    const answer = proxy === undefined ? this.answer : throughProxy(this.answer, proxy);
    this.connection.setRemoteDescription(answer, "answer");
  }

  #onPacket(kind: MediaKind, media: ReceivedMedia, packet: Buffer): void {
    if (isRtcp(packet)) {
      media.reports.push(packet);
      return;
    }
    const header = this.#header;
    header.read(packet);
    const near = media.highest < 0 ? header.sequence : media.highest;
    const sequence = near + (((header.sequence - near) << 16) >> 16);
    if (media.firstAtMs === 0) media.firstAtMs = performance.now();
    media.packets += 1;
    media.bytes += packet.byteLength;
    media.ssrcs.add(header.ssrc);
    media.payloadTypes.add(header.payloadType);
    if (media.sequences.has(sequence)) media.duplicates += 1;
    media.sequences.add(sequence);
    if (kind === "video") {
      this.#missing.delete(sequence);
      if (this.#options.nack === true && media.highest >= 0) {
        for (let gap = media.highest + 1; gap < sequence; gap += 1) {
          this.#missing.set(gap, { sinceMs: performance.now(), attempts: 0 });
        }
      }
      this.#held.set(sequence, packet);
      this.#pushHeld(sequence);
    }
    media.highest = Math.max(media.highest, sequence);
  }

  /** In order; a gap holds up what follows only while it is still asked for. */
  #pushHeld(first: number): void {
    if (this.#nextPush < 0) this.#nextPush = first;
    for (;;) {
      const packet = this.#held.get(this.#nextPush);
      if (packet === undefined) {
        if (this.#held.size === 0 || this.#missing.has(this.#nextPush)) return;
        const later = [...this.#held.keys()].some((sequence) => sequence > this.#nextPush);
        if (!later) {
          this.#held.clear();
          return;
        }
        this.#nextPush += 1;
        continue;
      }
      this.#held.delete(this.#nextPush);
      const header = this.#header;
      header.read(packet);
      const { payloadStart, payloadEnd, sequence, timestamp, marker } = header;
      this.#depacketizer.push(packet, payloadStart, payloadEnd, sequence, timestamp, marker);
      this.#nextPush += 1;
    }
  }

  #askForMissing(): void {
    if (this.#missing.size === 0) return;
    const sequences: number[] = [];
    for (const [sequence, state] of this.#missing) {
      state.attempts += 1;
      if (state.attempts > NACK_ATTEMPTS) this.#missing.delete(sequence);
      else sequences.push(sequence & 0xffff);
    }
    const [ssrc] = this.of("video").ssrcs;
    if (ssrc !== undefined && sequences.length > 0) this.sendRtcp(encodeGenericNack(1, ssrc, sequences));
    this.#pushHeld(this.#nextPush);
  }
}

/** Hides the addresses, and says what of all clients browsers say: the edge then is the DTLS server. */
function likeBrowser(offer: string): string {
  return withoutCandidates(offer)
    .replace(/^(t=0 0)$/m, "$1\r\na=extmap-allow-mixed")
    .replaceAll("\r\r\n", "\r\n");
}

export class WhepRefusal extends Error {
  override readonly name = "WhepRefusal";
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`WHEP answered ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }

  get problem(): { readonly type: string; readonly detail: string } {
    return JSON.parse(this.body) as { readonly type: string; readonly detail: string };
  }
}
