import { beforeEach, describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer, type PaintedClock } from "../harness/browser-viewer.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { killNode } from "../harness/kill-node.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { untilAnnounced } from "../harness/until-announced.ts";
import { waitFor } from "../harness/wait-for.ts";
import { longestStillMs } from "../harness/watch-continuity.ts";

/** A viewer with another edge to go to notices a short stop; one without waits for the process to be started anew. */
const MAX_STILL_MS = { other: 2_000, same: 4_000 } as const;

const stage = useDevInChromium({ edges: 2, picture: MEDIUM_PICTURE });

beforeEach(() => untilAnnounced(stage.dev.edges, "live/demo"));

function open(src: readonly string[], query: Readonly<Record<string, string>> = {}): Promise<BrowserViewer> {
  const { chromium, dev } = stage;
  return openViewer(chromium, { console: dev.console, src, broadcast: "live/demo", query });
}

/** Kills the first edge, waits for a second of pictures from after it was gone, and returns how long the last stood. */
async function playThroughLoss(viewer: BrowserViewer): Promise<number> {
  await viewer.presents(30);
  await viewer.takePainted();
  const killedMs = await killNode(stage.dev, "edge-1");
  const seen: PaintedClock[] = [];
  await waitFor(
    "pictures from after the loss",
    async () => {
      seen.push(...(await viewer.takePainted()));
      return seen.filter(({ captureMs }) => captureMs > killedMs + 500).length >= 25;
    },
    45_000,
  );
  const stillMs = Math.round(longestStillMs(seen));
  console.info(`still for ${stillMs} ms`);
  return stillMs;
}

/** Unreachable edges are what this is about; anything else on the console is an error of ours. */
function unexpectedErrors(viewer: BrowserViewer): string[] {
  return viewer.errors.filter((text) => !/net::ERR_|WebTransport|Failed to load resource/.test(text));
}

describe("an edge that is killed", () => {
  it("is left for the next one in the player's list", async () => {
    const [lost, next] = stage.dev.edges;
    const viewer = await open(stage.dev.edges);
    try {
      await viewer.presents(30);
      expect((await viewer.stats()).src).toBe(lost);
      expect(await playThroughLoss(viewer)).toBeLessThan(MAX_STILL_MS.other);
      const stats = await viewer.plays();
      expect(stats.src).toBe(next);
      expect(stats.reconnects).toBe(1);
      expect(unexpectedErrors(viewer)).toEqual([]);
    } finally {
      await viewer.close();
    }
  });

  it("is found again by a player that knows no other", async () => {
    const [src = ""] = stage.dev.edges;
    // One way back: over another transport it may be there sooner.
    const viewer = await open([src], { transports: "webtransport" });
    try {
      expect(await playThroughLoss(viewer)).toBeLessThan(MAX_STILL_MS.same);
      const stats = await viewer.plays();
      expect(stats.src).toBe(src);
      expect(stats.reconnects).toBe(1);
      expect(await viewer.page.evaluate(() => performance.getEntriesByType("navigation").length)).toBe(1);
      expect(unexpectedErrors(viewer)).toEqual([]);
    } finally {
      await viewer.close();
    }
  });
});
