import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";
import {
  bundlePlayerPage,
  openPlayerTab,
  type PlayerTab,
  readLog,
  stats,
  waitForFrames,
  waitForMoreFrames,
  waitForState,
} from "./player/player-tab.ts";

let chromium: TestChromium;
let script: string;
let plain: ClipFrames;

beforeAll(async () => {
  plain = makeClipFrames({ seconds: 8, fps: 25, size: "640x360", keyframeInterval: 25, bFrames: 0 });
  [script, chromium] = await Promise.all([bundlePlayerPage(), launchChromium()]);
});

afterAll(async () => {
  await chromium?.close();
});

/** A player stalls where the machine does, and then plays on. */
function withoutStalls(states: readonly string[]): string[] {
  return states.filter((state, index) => state !== "stalled" && states[index - 1] !== "stalled");
}

const openPlayerPage = (clip: ClipFrames): Promise<PlayerTab> => openPlayerTab(chromium, script, clip);

// Most of it is waiting: beside each other, in pages of their own.

describe.concurrent("MoqUpstream", () => {
  it.sequential("plays what comes over MoQ, with messages from the track", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start({}, "moq"));
    await waitForFrames(page, 40);
    await page.evaluate(() => {
      const at = Math.round(window.page.nowUs() + 200_000);
      window.page.moq.sendTimed({ v: 1, id: "one", type: "cue", at, data: null });
    });
    await waitFor("the message", async () => (await readLog(page)).timed.length === 1);
    const log = await readLog(page);
    expect(log.timed[0]).toMatchObject({ id: "one", source: "track" });
    expect(log.errors).toEqual([]);
    expect(tab.errors).toEqual([]);
  });

  it.sequential("waits at the end of the broadcast and goes on when the publisher is back", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start({}, "moq"));
    await waitForFrames(page, 25);
    await page.evaluate(() => window.page.moq.endBroadcast());
    await waitForState(page, "ended");
    await page.evaluate(() => window.page.moq.startAgain());
    await waitForState(page, "playing");
    await waitForMoreFrames(page, 30);
    const states = withoutStalls((await readLog(page)).states);
    expect(states).toEqual(["connecting", "playing", "ended", "connecting", "playing"]);
  });

  it.sequential("waits for a broadcast that has not begun", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => {
      window.page.moq.endBroadcast();
      window.page.start({}, "moq");
    });
    await waitForState(page, "ended");
    await page.evaluate(() => window.page.moq.startAgain());
    await waitForFrames(page, 30);
    await waitForState(page, "playing");
  });

  it.sequential("comes back after a lost session, from the next edge of the list, and keeps the picture", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start({ src: "https://one.test, https://two.test" }, "moq"));
    await waitForFrames(page, 25);
    await page.evaluate(() => {
      window.page.moq.unreachable.add("https://one.test");
      window.page.moq.dropSessions();
    });
    await waitForMoreFrames(page, 50);
    const { src, reconnects, width } = await stats(page);
    expect(src).toBe("https://two.test");
    expect(reconnects).toBe(1);
    expect(width).toBe(640);
    await waitForState(page, "playing");
  });
});

describe.concurrent("MoqUpstream without an edge", () => {
  it("says failed when no edge ever answers", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => {
      window.page.moq.isUnreachable = true;
      window.page.start({}, "moq");
    });
    await waitForState(page, "failed");
    const log = await readLog(page);
    expect(log.errors.at(-1)).toMatch(/^unreachable/);
    await page.evaluate(() => {
      window.page.moq.isUnreachable = false;
      window.page.player?.play();
    });
    await waitForFrames(page, 10);
  });
});
