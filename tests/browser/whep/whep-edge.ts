import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { insertSei } from "@canopy/media/h264";
import { encodeTimedMessage, encodeTimedSei, type TimedMessage } from "@canopy/media/timed";
import { Audio, type DataChannel, PeerConnection, Video } from "node-datachannel";
import type { ClipFrames } from "../player/clip-frames.ts";
import { LiveClip, type LiveFrame } from "../player/live-clip.ts";
import { RtpSender } from "./rtp-sender.ts";

const PUMP_MS = 4;
const REPORT_US = 1_000_000;
const SEI_COPIES_US = 100_000;
export const TEST_BROADCAST = "live/test";

export interface WhepEdgeOptions {
  readonly port?: number;
  /** The answer says where the RTP timestamps begin (RFC 7273). */
  readonly tellsMediaClock?: boolean;
  readonly token?: string;
  readonly kinds?: readonly ("video" | "audio")[];
}

interface Viewer {
  readonly id: string;
  readonly peer: PeerConnection;
  readonly senders: { video?: RtpSender; audio?: RtpSender };
  channel: DataChannel | undefined;
  isStarted: boolean;
  reportedUs: number;
}

/** An edge that sends a clip by WHEP: HTTP by hand, a real WebRTC peer behind it. */
export class WhepEdge implements AsyncDisposable {
  readonly viewers = new Map<string, Viewer>();
  /** Method and path of every request but preflights. */
  readonly requests: string[] = [];
  /** What the next offers are answered with instead of a session. */
  problem: { readonly status: number; readonly type: string; readonly detail: string } | undefined;
  isLive = true;
  /** Nothing more is sent to anybody, without a word. */
  isSilent = false;
  readonly #server: Server;
  readonly #live: LiveClip;
  readonly #options: WhepEdgeOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #group: LiveFrame[] = [];
  #messages: TimedMessage[] = [];
  #count = 0;

  private constructor(server: Server, clip: ClipFrames, options: WhepEdgeOptions) {
    this.#server = server;
    this.#options = options;
    this.#live = new LiveClip(clip, Date.now() * 1000 - 1_300_000);
    server.on("request", (request, response) => void this.#onRequest(request, response));
    this.#timer = setInterval(() => this.#pump(), PUMP_MS);
  }

  static async start(clip: ClipFrames, options: WhepEdgeOptions = {}): Promise<WhepEdge> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    return new WhepEdge(server, clip, options);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the edge has no port");
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Puts a message into the picture of its time and those after it, onto the data channel, or both. */
  sendTimed(message: TimedMessage, way: "sei" | "track" | "both"): void {
    if (way !== "track") this.#messages.push(message);
    if (way === "sei") return;
    const text = Buffer.from(encodeTimedMessage(message)).toString();
    for (const { channel } of this.viewers.values())
      if (channel?.isOpen() === true) channel.sendMessage(text);
  }

  dropViewers(): void {
    for (const viewer of [...this.viewers.values()]) this.#drop(viewer);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.dropViewers();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "authorization, content-type, if-match");
    response.setHeader("access-control-allow-methods", "GET, POST, PATCH, DELETE");
    response.setHeader("access-control-expose-headers", "location, etag, link, retry-after");
    if (method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    this.requests.push(`${method} ${url}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (url === "/v1/time") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ unixMicros: Date.now() * 1000 }));
    } else if (url === `/whep/${TEST_BROADCAST}` && method === "POST") {
      await this.#onOffer(body, request.headers.authorization, response);
    } else {
      const viewer = this.viewers.get(url.split("/").at(-1) ?? "");
      if (viewer === undefined)
        refuse(response, { status: 404, type: "not-found", detail: "No such thing." });
      else if (method === "DELETE") {
        this.#drop(viewer);
        response.writeHead(200).end();
      } else if (
        body.includes(viewer.peer.remoteDescription()?.sdp.match(/a=ice-ufrag:\S+/)?.[0] ?? "\n\n")
      ) {
        response.writeHead(204).end();
      } else refuse(response, { status: 405, type: "no-restart", detail: "No ICE restart." });
    }
  }

  async #onOffer(offer: string, authorization: string | undefined, response: ServerResponse): Promise<void> {
    const { token } = this.#options;
    if (token !== undefined && authorization !== `Bearer ${token}`) {
      refuse(response, { status: 401, type: "unauthorized", detail: "The token does not allow it." });
      return;
    }
    if (!this.isLive) {
      refuse(response, { status: 404, type: "unknown-broadcast", detail: "No such broadcast." });
      return;
    }
    if (this.problem !== undefined) {
      refuse(response, this.problem);
      return;
    }
    this.#count += 1;
    const viewer = await this.#accept(String(this.#count), offer);
    response.writeHead(201, {
      "content-type": "application/sdp",
      location: `/whep/${TEST_BROADCAST}/${viewer.id}`,
      etag: `"${viewer.id}"`,
    });
    response.end(this.#answerOf(viewer));
  }

  async #accept(id: string, offer: string): Promise<Viewer> {
    const peer = new PeerConnection(id, {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
      disableAutoGathering: false,
    });
    const viewer: Viewer = { id, peer, senders: {}, channel: undefined, isStarted: false, reportedUs: 0 };
    this.viewers.set(id, viewer);
    peer.onDataChannel((channel) => {
      viewer.channel = channel;
    });
    peer.onStateChange((state) => {
      if (state === "connected") viewer.isStarted = true;
      if (state === "closed" || state === "failed") this.viewers.delete(id);
    });
    const gathered = new Promise<void>((resolve) => {
      peer.onGatheringStateChange((state) => {
        if (state === "complete") resolve();
      });
    });
    peer.setRemoteDescription(offer, "offer");
    const kinds = this.#options.kinds ?? ["video", "audio"];
    for (const section of offer.split(/^(?=m=)/m).slice(1)) {
      const mid = /^a=mid:(\S+)/m.exec(section)?.[1] ?? "";
      const h264 =
        /^a=fmtp:(\d+) [^\r\n]*packetization-mode=1;profile-level-id=42e0/m.exec(section)?.[1] ?? "";
      const opus = /^a=rtpmap:(\d+) opus/m.exec(section)?.[1] ?? "";
      if (section.startsWith("m=video") && kinds.includes("video")) {
        const media = new Video(mid, "SendOnly");
        media.addH264Codec(
          Number(h264),
          "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
        );
        viewer.senders.video = this.#sender(peer, media, Number(h264), 90_000);
      } else if (section.startsWith("m=audio") && kinds.includes("audio")) {
        const media = new Audio(mid, "SendOnly");
        media.addOpusCodec(Number(opus));
        viewer.senders.audio = this.#sender(peer, media, Number(opus), 48_000);
      }
    }
    peer.setLocalDescription("answer");
    await gathered;
    return viewer;
  }

  #sender(peer: PeerConnection, media: Video | Audio, payloadType: number, rateHz: number): RtpSender {
    const ssrc = 1 + Math.floor(Math.random() * 0x7fff_ffff);
    media.addSSRC(ssrc, "canopy", "canopy", `track-${rateHz}`);
    const offset = Math.floor(Math.random() * 2 ** 32);
    this.#offsets.set(`${payloadType}`, offset);
    return new RtpSender(peer.addTrack(media), { ssrc, payloadType, rateHz, offset });
  }

  readonly #offsets = new Map<string, number>();

  #answerOf(viewer: Viewer): string {
    const sdp = viewer.peer.localDescription()?.sdp ?? "";
    if (this.#options.tellsMediaClock === false) return sdp;
    return sdp.replaceAll(/^m=(?:video|audio) \d+ \S+ (\d+)[^\r\n]*\r\n/gm, (line, payloadType: string) => {
      const offset = this.#offsets.get(payloadType);
      return offset === undefined
        ? line
        : `${line}a=ts-refclk:ntp=/traceable/\r\na=mediaclk:direct=${offset}\r\n`;
    });
  }

  #pump(): void {
    const nowUs = Date.now() * 1000;
    for (const live of this.#live.take(nowUs)) {
      const frame = live.kind === "video" ? this.#mark(live) : live;
      if (frame.kind === "video") {
        if (frame.isKey) this.#group = [];
        this.#group.push(frame);
      }
      if (this.isSilent || !this.isLive) continue;
      for (const viewer of this.viewers.values()) this.#deliver(viewer, frame, nowUs);
    }
  }

  #deliver(viewer: Viewer, frame: LiveFrame, nowUs: number): void {
    const { video, audio } = viewer.senders;
    if (!viewer.isStarted) return;
    if (viewer.reportedUs === 0) {
      // A viewer starts with the group that is going on.
      const missed = frame.kind === "video" ? this.#group.slice(0, -1) : this.#group;
      for (const { timestampUs, payload } of missed) video?.sendH264(timestampUs, payload);
    }
    if (nowUs - viewer.reportedUs > REPORT_US) {
      viewer.reportedUs = nowUs;
      video?.sendReport(nowUs);
      audio?.sendReport(nowUs);
    }
    if (frame.kind === "video") video?.sendH264(frame.timestampUs, frame.payload);
    else audio?.sendOpus(frame.timestampUs, frame.payload);
  }

  #mark(frame: LiveFrame): LiveFrame {
    const due = this.#messages.filter((message) => message.at <= frame.timestampUs);
    if (due.length === 0) return frame;
    this.#messages = this.#messages.filter((message) => message.at > frame.timestampUs - SEI_COPIES_US);
    const nals = due.map((message) => encodeTimedSei(encodeTimedMessage(message)));
    return { ...frame, payload: insertSei(frame.payload, nals) };
  }

  #drop(viewer: Viewer): void {
    this.viewers.delete(viewer.id);
    // As an edge does it. Of a peer alone that ended on a busy machine, 2 of 60 viewers heard nothing.
    viewer.channel?.close();
    viewer.peer.close();
  }
}

function refuse(
  response: ServerResponse,
  problem: { readonly status: number; readonly type: string; readonly detail: string },
): void {
  response.writeHead(problem.status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ ...problem, type: `https://canopy.test/problems/${problem.type}` }));
}
