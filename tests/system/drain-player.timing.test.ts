import { describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { devProcess } from "../harness/kill-node.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";
import { longestStillMs } from "../harness/watch-continuity.ts";

const BROADCAST = "live/demo";
/** Time to leave; far more than players need. */
const DRAIN_SECONDS = 30;
/** A deep buffer: on a busy machine frames come late, but what is counted as missing here never came. */
const LATENCY_MS = 1_000;
/** Far above what it takes: 0.4 s for WHEP and up to 1.8 s for HLS on a machine that is not too busy. */
const MAX_STILL_MS = 8_000;

const stage = useDevInChromium({ edges: 2, picture: MEDIUM_PICTURE });

/** A player that knows no other edge than the one that will stop. */
function open(src: string, query: Readonly<Record<string, string>>): Promise<BrowserViewer> {
  return openViewer(stage.chromium, { console: stage.dev.console, src: [src], broadcast: BROADCAST, query });
}

/** Asks the edge to send everybody to the other one. */
async function drain(edge: string, other: string): Promise<unknown> {
  const answer = await fetch(`${edge}/v1/drain`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ to: other.replace("http:", "https:"), seconds: DRAIN_SECONDS }),
  });
  expect(answer.status).toBe(202);
  return answer.json();
}

/** An element that is given up still asks for the media source that hls.js has revoked. */
function unexpectedErrors(viewer: BrowserViewer): string[] {
  return viewer.errors.filter((text) => !/net::ERR_FILE_NOT_FOUND/.test(text));
}

async function expectMoved(viewer: BrowserViewer, other: string): Promise<void> {
  await viewer.until("the player to move", ({ moves }) => moves === 1);
  await viewer.presents(25);
  const stats = await viewer.plays();
  expect(stats.reconnects).toBe(0);
  expect(new URL(stats.src ?? "").port).toBe(new URL(other).port);
  expect(unexpectedErrors(viewer)).toEqual([]);
}

describe("POST /v1/drain", () => {
  it("moves a player to the edge that it names without a frame missing or twice, then ends the process", async () => {
    const [edge = "", other = ""] = stage.dev.edges;
    const viewer = await open(edge, { transports: "webtransport", latency: String(LATENCY_MS) });
    await viewer.presents(50);
    const { restarts } = await devProcess(stage.dev, "edge-1");
    const before = await viewer.stats();
    expect(await drain(edge, other)).toMatchObject({ draining: true, sessions: 1 });
    await expectMoved(viewer, other);
    const after = await viewer.stats();
    expect([after.gaps, after.lostGroups, after.stalls]).toEqual([
      before.gaps,
      before.lostGroups,
      before.stalls,
    ]);
    const times = after.presentedTimestampsUs;
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true);
    await waitFor(
      "the edge to have ended, and to be started anew",
      async () =>
        (await devProcess(stage.dev, "edge-1")).restarts > restarts && (await fetch(`${edge}/readyz`)).ok,
    );
    await viewer.close();
  });

  it("moves players of WHEP and HLS, whose last picture stays meanwhile", async () => {
    const [other = "", edge = ""] = stage.dev.edges;
    const names = ["whep", "hls"] as const;
    const viewers = await Promise.all(names.map((transports) => open(edge, { transports })));
    for (const viewer of viewers) {
      await viewer.presents(10);
      await viewer.takePainted();
    }
    // Pages that were closed before may not have said good-bye.
    expect(await drain(edge, other)).toMatchObject({ draining: true });
    for (const [index, viewer] of viewers.entries()) {
      await expectMoved(viewer, other);
      const stillMs = Math.round(longestStillMs(await viewer.takePainted()));
      console.info(`${names[index]}: the picture stood still for ${stillMs} ms at most`);
      expect(stillMs).toBeLessThan(MAX_STILL_MS);
      expect((await viewer.stats()).transport).toBe(names[index]);
    }
    for (const viewer of viewers) await viewer.close();
  });
});
