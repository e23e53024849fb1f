import { createServer, type IncomingMessage, type Server } from "node:http";
import { encodeSenderReport, isRtcp, ntpOfUnixUs, parseRtcp, rtpTimestampOfUs } from "@canopy/media/rtp";
import { createSilentLogger } from "@canopy/runtime";
import { openWebRtcEngine, parseOffer, type WebRtcEngine, type WebRtcPeer } from "@canopy/transport/webrtc";
import { describe, expect, it, type TestContext } from "vitest";
import type { LinkOptions } from "./link-model.ts";
import { FREEZE_MS } from "./rtp-reception.ts";
import { UdpProxy } from "./udp-proxy.ts";
import { waitFor } from "./wait-for.ts";
import { WhepViewer } from "./whep-viewer.ts";

const FRAME_MS = 33;
const PACKETS_PER_FRAME = 5;
const KEYFRAME_EVERY = 30;
/** So seldom that one comes only when it is asked for. */
const SELDOM = 3_000;
const REPORT_EVERY = 30;
const VIDEO_SSRC = 1_000;
const PACKETS_KEPT = 1_024;

/** One viewer's stream: numbered packets in the shape of H.264, sent again when asked for. */
class Sender {
  readonly nacked = new Set<number>();
  nacks = 0;
  plis = 0;
  reports = 0;
  feedbacks = 0;
  estimates = 0;
  /** How often this process kept it from sending for so long that a viewer sees a freeze. */
  stalls = 0;
  #sentAtMs = Number.NaN;
  readonly #kept: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #peer: WebRtcPeer | undefined;
  #frame = 0;
  #sequence = 65_000;
  #transportSequence = 0;
  #keyframeIsDue = false;
  readonly #keyframeEvery: number;

  constructor(keyframeEvery: number) {
    this.#keyframeEvery = keyframeEvery;
  }

  start(peer: WebRtcPeer): void {
    this.#peer = peer;
    this.#timer = setInterval(() => this.#sendFrame(), FRAME_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  onRtcp(packet: Uint8Array): void {
    for (const rtcp of parseRtcp(packet)) {
      if (rtcp.kind === "nack") {
        for (const sequence of rtcp.sequences) {
          this.nacks++;
          this.nacked.add(sequence);
          const kept = this.#kept[sequence % PACKETS_KEPT];
          if (kept !== undefined && kept.readUInt16BE(2) === sequence) this.#send(kept);
        }
      } else if (rtcp.kind === "pli") {
        this.plis++;
        this.#keyframeIsDue = true;
      } else if (rtcp.kind === "remb") this.estimates++;
      else if (rtcp.kind === "receiver-report") this.reports += rtcp.reports.length;
      else if (rtcp.kind === "transport-feedback") this.feedbacks++;
    }
  }

  #sendFrame(): void {
    if (performance.now() - this.#sentAtMs > FREEZE_MS) this.stalls++;
    this.#sentAtMs = performance.now();
    const nowUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    const timestamp = rtpTimestampOfUs(nowUs, 90_000);
    const isKey = this.#keyframeIsDue || this.#frame % this.#keyframeEvery === 0;
    this.#keyframeIsDue = false;
    if (this.#frame++ % REPORT_EVERY === 0) {
      const ntp = ntpOfUnixUs(nowUs);
      const report = encodeSenderReport({
        ssrc: VIDEO_SSRC,
        ntpSeconds: ntp.seconds,
        ntpFraction: ntp.fraction,
        rtpTimestamp: timestamp,
        packets: 0,
        octets: 0,
        reports: [],
      });
      this.#peer?.sendRtcp(Buffer.from(report));
    }
    for (let part = 0; part < PACKETS_PER_FRAME; part++) {
      const packet = Buffer.alloc(1_100);
      packet.writeUInt8(0x90, 0);
      packet.writeUInt8(102 | (part === PACKETS_PER_FRAME - 1 ? 0x80 : 0), 1);
      packet.writeUInt16BE(this.#sequence, 2);
      packet.writeUInt32BE(timestamp, 4);
      packet.writeUInt32BE(VIDEO_SSRC, 8);
      packet.writeUInt32BE(0xbede0001, 12);
      packet.writeUInt8(isKey ? (part === 0 ? 0x67 : 0x65) : 0x41, 20);
      this.#kept[this.#sequence % PACKETS_KEPT] = packet;
      this.#sequence = (this.#sequence + 1) & 0xffff;
      this.#send(packet);
    }
  }

  /** Each time it is sent a packet gets a transport-wide number of its own. */
  #send(packet: Buffer): void {
    packet.writeUInt8(0x51, 16);
    packet.writeUInt16BE(this.#transportSequence++ & 0xffff, 17);
    this.#peer?.sendRtp(packet);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

/** The smallest WHEP server there can be, on the real engine; it ends with the test. */
async function openServer(
  { onTestFinished }: TestContext,
  keyframeEvery = KEYFRAME_EVERY,
): Promise<{
  url: string;
  engine: WebRtcEngine;
  senders: Sender[];
  deleted: string[];
}> {
  const engine = await openWebRtcEngine({ host: "127.0.0.1", port: 0 }, { logger: createSilentLogger() });
  onTestFinished(() => engine.close());
  const senders: Sender[] = [];
  const deleted: string[] = [];
  const server: Server = createServer((request, response) => {
    void (async () => {
      if (request.method === "DELETE") {
        deleted.push(request.url ?? "");
        response.writeHead(200).end();
        return;
      }
      const offer = parseOffer(await readBody(request));
      const sender = new Sender(keyframeEvery);
      const media = offer.media.map(({ mid, codecs, extensions }) => ({
        ...{ mid, codecs, extensions, direction: "sendonly" as const },
        send: { ssrc: mid === "0" ? VIDEO_SSRC : 2_000, cname: "canopy", streamId: "canopy" },
      }));
      const answer = await engine.answer(
        offer,
        { media, dataChannels: false },
        {
          onStateChange: (state) => {
            if (state === "connected") sender.start(answer.peer);
          },
          onRtp: () => {},
          onRtcp: (packet) => {
            if (isRtcp(packet)) sender.onRtcp(packet);
          },
          onDataChannel: () => {},
          onClose: () => sender.stop(),
        },
      );
      senders.push(sender);
      response.writeHead(201, { location: `/whep/~/${senders.length}`, "content-type": "application/sdp" });
      response.end(answer.sdp);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no TCP address");
  return { url: `http://127.0.0.1:${address.port}`, engine, senders, deleted };
}

async function openPath(
  { onTestFinished }: TestContext,
  engine: WebRtcEngine,
  toClient: Partial<LinkOptions>,
): Promise<UdpProxy> {
  const target = { host: "127.0.0.1", port: engine.port };
  const { lossRate = 0, delayMs = 0 } = toClient;
  const proxy = await UdpProxy.listen({ target, seed: 5, toTarget: { lossRate, delayMs }, toClient });
  onTestFinished(() => proxy.close());
  return proxy;
}

// Each at a server of its own, and most of it waiting: beside each other.
describe.concurrent("WhepViewer", () => {
  it("counts whole frames, knows their age and reports like a browser", async (context) => {
    const { url, senders, deleted } = await openServer(context);
    const ages: number[] = [];
    const viewer = await WhepViewer.connect({
      url,
      broadcast: "live/x",
      onFrame: (_kind, ageMs) => {
        if (ageMs !== undefined) ages.push(ageMs);
      },
    });
    await waitFor("frames", () => viewer.stats("video").frames >= 100);
    const stats = viewer.stats("video");
    expect(stats.packets).toBeGreaterThanOrEqual(stats.frames * PACKETS_PER_FRAME);
    expect(stats).toMatchObject({ missed: 0, brokenFrames: 0, plis: 0, nacks: 0 });
    expect(stats.keyframes).toBeGreaterThanOrEqual(3);
    expect(ages.length).toBeGreaterThanOrEqual(70);
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...ages)).toBeLessThan(100);
    expect(senders[0]?.reports).toBeGreaterThanOrEqual(2);
    expect(senders[0]?.estimates).toBeGreaterThanOrEqual(2);
    expect(senders[0]?.feedbacks).toBeGreaterThanOrEqual(10);
    await viewer.close();
    await viewer.close();
    expect(deleted).toEqual(["/whep/~/1"]);
  });

  it("gets what a bad path lost by asking for it", async (context) => {
    const { url, engine, senders } = await openServer(context);
    const proxy = await openPath(context, engine, { lossRate: 0.1, delayMs: 20 });
    const viewer = await WhepViewer.connect({ url, broadcast: "live/x", proxy });
    await waitFor("frames", () => viewer.stats("video").frames >= 200);
    const stats = viewer.stats("video");
    expect(proxy.counters.toClient.lost).toBeGreaterThan(50);
    expect(stats.missed).toBeGreaterThan(50);
    expect(stats.recovered / stats.missed).toBeGreaterThan(0.9);
    expect(senders[0]?.nacked.size).toBeGreaterThan(50);
    await viewer.close();
  });

  it("asks for a keyframe when a hole cannot be filled, and plays on", async (context) => {
    const { url, engine, senders } = await openServer(context, SELDOM);
    const proxy = await openPath(context, engine, {});
    const viewer = await WhepViewer.connect({ url, broadcast: "live/x", proxy });
    await waitFor("frames", () => viewer.stats("video").frames >= 30);
    proxy.setLink("toClient", { lossRate: 1 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    // Requests get lost from now on: the hole stays.
    proxy.setLink("toTarget", { lossRate: 1 });
    proxy.setLink("toClient", { lossRate: 0 });
    await waitFor("the loss", () => viewer.stats("video").givenUp > 0);
    proxy.setLink("toTarget", { lossRate: 0 });
    const { frames } = viewer.stats("video");
    await waitFor("more frames", () => viewer.stats("video").frames >= frames + 30);
    expect(senders[0]?.plis).toBeGreaterThanOrEqual(1);
    const { freezes } = viewer.stats("video");
    expect(freezes).toBeGreaterThanOrEqual(1);
    expect(freezes).toBeLessThanOrEqual(1 + (senders[0]?.stalls ?? 0));
    expect(viewer.stats("video").longestPauseMs).toBeGreaterThan(700);
    await viewer.close();
  });

  it("says what the server answered when it refuses", async ({ onTestFinished }) => {
    const server = createServer((_request, response) => response.writeHead(404).end("no such broadcast"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no TCP address");
    const url = `http://127.0.0.1:${address.port}`;
    await expect(WhepViewer.connect({ url, broadcast: "live/x" })).rejects.toThrow(/404: no such broadcast/);
  });
});
