import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer, type PaintedClock } from "../harness/browser-viewer.ts";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { devProcess } from "../harness/kill-node.ts";
import { waitFor } from "../harness/wait-for.ts";
import { longestStillMs, missingFrames } from "../harness/watch-continuity.ts";

const BROADCAST = "live/demo";
/** Time to leave; far more than players need. */
const DRAIN_SECONDS = 30;
/** The browser's own element changes its source behind the last picture. */
const MAX_STILL_MS = 2_500;

let dev: CanopyDev;
let chromium: TestChromium;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 2, broadcaster: true });
  chromium = await launchChromium();
});

afterAll(async () => {
  await chromium?.close();
  await dev?.stop();
});

const open = (transports: string): Promise<BrowserViewer> =>
  openViewer(chromium, {
    console: dev.console,
    // It knows no other edge than the one that will stop.
    src: dev.edges.slice(0, 1),
    broadcast: BROADCAST,
    query: { transports },
  });

/** An element that is given up still asks for the media source that hls.js has revoked. */
function unexpectedErrors(viewer: BrowserViewer): string[] {
  return viewer.errors.filter((text) => !/net::ERR_FILE_NOT_FOUND/.test(text));
}

describe("POST /v1/drain", () => {
  it("moves players of every transport to the edge that it names, then ends the process", async () => {
    const [edge = "", other = ""] = dev.edges;
    const viewers = {
      webtransport: await open("webtransport"),
      whep: await open("whep"),
      hls: await open("hls"),
    };
    try {
      await Promise.all(Object.values(viewers).map((viewer) => viewer.presents(20)));
      const { restarts } = await devProcess(dev, "edge-1");
      const before = await viewers.webtransport.stats();
      for (const viewer of Object.values(viewers)) await viewer.takePainted();
      const to = other.replace("http:", "https:");
      const answer = await fetch(`${edge}/v1/drain`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ to, seconds: DRAIN_SECONDS }),
      });
      expect(answer.status).toBe(202);
      expect(await answer.json()).toMatchObject({ draining: true, sessions: 3 });
      for (const [name, viewer] of Object.entries(viewers)) {
        await waitFor(`${name} to move`, async () => (await viewer.stats()).moves === 1);
        await viewer.presents(20);
        const stats = await viewer.stats();
        const painted: readonly PaintedClock[] = await viewer.takePainted();
        const stillMs = Math.round(longestStillMs(painted));
        console.info(`${name}: still for ${stillMs} ms, ${missingFrames(painted)} frames not painted`);
        expect([stats.transport, stats.state, stats.reconnects]).toEqual([name, "playing", 0]);
        expect(new URL(stats.src ?? "").port).toBe(new URL(other).port);
        expect(stillMs).toBeLessThan(MAX_STILL_MS);
        expect(unexpectedErrors(viewer)).toEqual([]);
      }
      // Every frame came, and none twice; whether a busy machine paints each of them is another matter.
      const after = await viewers.webtransport.stats();
      expect([after.gaps, after.lostGroups, after.stalls]).toEqual([
        before.gaps,
        before.lostGroups,
        before.stalls,
      ]);
      const times = after.presentedTimestampsUs;
      expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true);
      await waitFor(
        "the edge to have ended, and to be started anew",
        async () => (await devProcess(dev, "edge-1")).restarts > restarts,
      );
    } finally {
      for (const viewer of Object.values(viewers)) await viewer.close();
    }
  });
});
