import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { ReceiverTicker, WhepViewer } from "../harness/whep-viewer.ts";
import { makeWhipClip } from "../harness/whip-clip.ts";
import { WhipPublisher } from "../harness/whip-publisher.ts";

const BROADCAST = "live/storm";
const VIEWERS = 200;
/** Handshakes begun at one time, of 64 that one address may have under way: the node may end them later than we do. */
const CONNECT_TOGETHER = 20;
/** From an edge's HTTP port to the UDP port of its WebRTC media. */
const WEBRTC_PORT_OFFSET = 1_000;
/**
 * In each direction: much of what is lost does not come in a second of asking again either, and breaks the picture.
 * Enough for everybody's to break within seconds: after five of them the edge would give viewers no picture for ten.
 */
const STORM = { lossRate: 0.75 };
const CALM = { lossRate: 0.02 };

let dev: CanopyDev;
let publisher: WhipPublisher;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1 });
  // Small pictures, seldom: it is the requests that are many here.
  const clip = makeWhipClip({
    size: "320x180",
    fps: 10,
    keyframeInterval: 10,
    bitrateKbps: 150,
    audio: false,
  });
  publisher = await WhipPublisher.connect({ url: `${dev.origin}/whip/${BROADCAST}`, clip });
  publisher.start();
});

afterAll(async () => {
  await publisher?.[Symbol.asyncDispose]();
  await dev?.stop();
});

const edge = (): string => dev.edges[0] ?? "";

const keyframeRequests = (): number => publisher.count("pli") + publisher.count("fir");

const requestsAtEdge = (): Promise<number> => metric(edge(), 'canopy_webrtc_feedback_total{kind="pli"}');

async function connectAll(proxy: UdpProxy): Promise<WhepViewer[]> {
  const viewers: WhepViewer[] = [];
  const ticker = new ReceiverTicker();
  while (viewers.length < VIEWERS) {
    const some = Array.from({ length: Math.min(CONNECT_TOGETHER, VIEWERS - viewers.length) }, () =>
      WhepViewer.connect({ url: edge(), broadcast: BROADCAST, proxy, ticker, kinds: ["video"] }),
    );
    viewers.push(...(await Promise.all(some)));
  }
  return viewers;
}

describe("a tree whose viewers ask for keyframes", () => {
  it("asks the publisher at most once a second when 200 of them join and lose packets at once", async () => {
    await waitFor("the broadcast at the edge", async () => {
      const response = await fetch(`${edge()}/hls/${BROADCAST}/index.m3u8`);
      return response.ok;
    });
    const target = { host: "127.0.0.1", port: Number(new URL(edge()).port) + WEBRTC_PORT_OFFSET };
    await using proxy = await UdpProxy.listen({ target, seed: 3 });
    const startedAt = performance.now();
    const before = keyframeRequests();
    const viewers = await connectAll(proxy);
    proxy.setLink("toClient", STORM);
    proxy.setLink("toTarget", STORM);
    await waitFor("a request of every viewer", () =>
      viewers.every((viewer) => viewer.stats("video").plis > 0),
    );
    await waitFor("as many requests at the edge", async () => (await requestsAtEdge()) >= VIEWERS);
    proxy.setLink("toClient", CALM);
    proxy.setLink("toTarget", CALM);
    const frames = viewers.map((viewer) => viewer.stats("video").frames);
    await waitFor("pictures at every viewer again", () =>
      viewers.every((viewer, index) => viewer.stats("video").frames > (frames[index] ?? 0) + 5),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    // They came to the edge, were answered from its cache, and went no further.
    expect(await metric(edge(), "canopy_webrtc_restarts_total")).toBeGreaterThan(VIEWERS / 2);
    expect(keyframeRequests() - before).toBeLessThanOrEqual(Math.ceil(seconds));
    await Promise.all(viewers.map((viewer) => viewer.close()));
  });
});
