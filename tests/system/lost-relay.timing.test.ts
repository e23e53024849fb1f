import { describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { devProcess, killNode, waitForRestart } from "../harness/kill-node.ts";
import { SMALL_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";
import {
  countingSessions,
  longestStillMs,
  missingFrames,
  readContinuity,
} from "../harness/watch-continuity.ts";

const ROUNDS = 3;
/** The picture must move again by then, in every round. */
const WITHIN_MS = 3_000;

// Small, so that encoding and painting it takes nothing from the process that has to start again.
const stage = useDevInChromium({ edges: 2, picture: SMALL_PICTURE });

/** Waits for a second of pictures that were captured after `sinceMs`. */
async function playsOn(viewer: BrowserViewer, sinceMs: number): Promise<number> {
  const seen: Awaited<ReturnType<BrowserViewer["takePainted"]>>[number][] = [];
  await waitFor(
    "pictures from after the loss",
    async () => {
      seen.push(...(await viewer.takePainted()));
      return seen.filter(({ captureMs }) => captureMs > sinceMs).length >= 25;
    },
    30_000,
  );
  console.info(`still for ${Math.round(longestStillMs(seen))} ms, ${missingFrames(seen)} frames not painted`);
  return longestStillMs(seen);
}

describe("a relay that is killed", () => {
  it("is replaced while both players play on in the session that they have", async () => {
    const counting = countingSessions(stage.chromium);
    const viewers = await Promise.all(
      stage.dev.edges.map((src) =>
        openViewer(counting, {
          ...{ console: stage.dev.console, src: [src], broadcast: DEMO_BROADCAST },
          // On a busy machine WebSocket may be there first, and be left later for the session that is counted.
          query: { transports: "webtransport" },
        }),
      ),
    );
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(30)));
      const before = await Promise.all(viewers.map(readContinuity));
      expect(before.map(({ openedSessions }) => openedSessions)).toEqual([1, 1]);
      const stills: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        for (const viewer of viewers) await viewer.takePainted();
        const killedMs = await killNode(stage.dev, "relay");
        const restarting = waitForRestart(stage.dev, "relay", round, stage.dev.relay).then(
          () => Date.now() - killedMs,
        );
        stills.push(...(await Promise.all(viewers.map((viewer) => playsOn(viewer, killedMs + 500)))));
        console.info(`the relay was back after ${await restarting} ms`);
      }
      expect((await devProcess(stage.dev, "relay")).restarts).toBe(ROUNDS);
      expect(Math.max(...stills), `still for ${stills.join(", ")} ms`).toBeLessThan(WITHIN_MS);
      expect(await Promise.all(viewers.map(readContinuity))).toEqual(before);
      for (const viewer of viewers) {
        await viewer.plays();
        expect(viewer.errors).toEqual([]);
      }
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
    }
  });
});
