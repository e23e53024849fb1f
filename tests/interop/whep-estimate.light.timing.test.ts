import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { throughProxy, UdpProxy } from "../harness/udp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WhepEdge } from "../harness/whep-edge.ts";
import { openWhepPage } from "../harness/whep-page.ts";

let chromium: TestChromium;

beforeAll(async () => {
  chromium = await launchChromium();
});

afterAll(async () => {
  await chromium?.close();
});

/** Pages whose WHEP sessions go through the proxy. */
function behind(proxy: UdpProxy): TestChromium {
  return {
    ...chromium,
    openPage: async (url) => {
      const opened = await chromium.openPage(url);
      await opened.page.route("**/whep/**", async (route) => {
        const response = await route.fetch();
        const body = await response.text();
        await route.fulfill({ response, body: response.status() === 201 ? throughProxy(body, proxy) : body });
      });
      return opened;
    },
  };
}

describe("WHEP behind a narrow path", () => {
  it("brings Chromium the rendition that its own estimate has room for", async () => {
    await using edge = await WhepEdge.start();
    using broadcast = new SyntheticBroadcast(edge.node.relay.store, {
      path: "live/demo",
      videoTracks: ["video", "video-low"],
      // 2.5 and 0.75 Mbit/s.
      pictureBytes: 9_500,
      keyframeBytes: 40_000,
      lowerShare: 0.3,
      catalog: {
        video: {
          renditions: {
            video: { codec: "avc1.42c01f", bitrate: 2_500_000 },
            "video-low": { codec: "avc1.42c01f", bitrate: 750_000 },
          },
        },
      },
    }).run();
    const target = { host: "127.0.0.1", port: edge.engine.port };
    await using proxy = await UdpProxy.listen({ target, seed: 1, toClient: { delayMs: 20 } });
    const viewer = await openWhepPage(behind(proxy), edge.url("live/demo"));
    const followers = (name: string): number => broadcast.broadcast.track(name)?.observerCount ?? 0;
    await waitFor("the connection", async () => (await viewer.stats()).state === "connected", 20_000);
    await waitFor("the best rendition", () => followers("video") === 1, 20_000);
    proxy.setLink("toClient", { bitsPerSecond: 1_300_000, bottleneckBytes: 60_000 });
    await waitFor(
      "the lower rendition",
      () => followers("video") === 0 && followers("video-low") === 1,
      60_000,
    );
    const { audioPackets } = await viewer.stats();
    await waitFor("sound", async () => (await viewer.stats()).audioPackets > audioPackets + 50, 20_000);
    expect(await edge.metric("canopy_webrtc_rendition_changes_total")).toBeGreaterThan(0);
    await viewer.close();
  });
});
