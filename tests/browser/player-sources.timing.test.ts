import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { PagePool, type PooledPage } from "../harness/page-pool.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { waitFor } from "../harness/wait-for.ts";
import { waitInPage } from "../harness/wait-in-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { observeResources } from "./player/count-resources.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";
import { bundlePlayerPage, waitForState } from "./player/player-tab.ts";

// What publishers do to a player that is playing: other formats, other tracks, restarts; and what is left of it.

const CLIP = { seconds: 8, fps: 25, keyframeInterval: 25, bFrames: 0 };

// They mostly wait for pictures that come in real time.
const it = takingTurns(3);

let pages: PagePool;
let script: string;
let large: ClipFrames;
let small: ClipFrames;

beforeAll(async () => {
  large = makeClipFrames({ ...CLIP, size: "640x360" });
  small = makeClipFrames({ ...CLIP, size: "320x180" });
  const [bundle, chromium] = await Promise.all([bundlePlayerPage(), launchChromium()]);
  script = bundle;
  pages = new PagePool(chromium);
});

afterAll(() => pages?.[Symbol.asyncDispose]());

async function openTab(): Promise<PooledPage> {
  const tab = await pages.take();
  const { page } = tab;
  await page.evaluate(observeResources);
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.PlayerPage !== undefined);
  await page.evaluate((frames) => {
    window.page = new window.PlayerPage(frames);
  }, large);
  return tab;
}

function stats(page: Page) {
  return page.evaluate(() => {
    const stats = window.page.player?.stats();
    if (stats === undefined) throw new Error("the page has no player");
    return stats;
  });
}

const readLog = (page: Page) => page.evaluate(() => window.page.log);

async function presents(page: Page, count: number): Promise<void> {
  const wanted = count + (await page.evaluate(() => window.page.log.presented.length));
  const hasPresented = (frames: number): boolean => window.page.log.presented.length >= frames;
  await waitInPage(page, `${count} more frames`, hasPresented, { argument: wanted });
}

describe.concurrent("Player", () => {
  // It takes longest.
  it("leaves nothing open after pauses and fifty lost sessions", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => window.page.start({ src: "http://a.test, http://b.test" }));
    await presents(page, 25);
    for (let round = 0; round < 5; round += 1) {
      await page.evaluate(() => {
        window.page.player?.pause();
        window.page.player?.play();
      });
      await presents(page, 2);
    }
    // The next edge of the list is tried without a wait.
    for (let round = 0; round < 50; round += 1) {
      await page.evaluate(() => window.page.dropSessions());
      await presents(page, 1);
    }
    const playing = await page.evaluate(() => window.countResources());
    expect(playing.videoDecoders).toBe(1);
    expect(playing.audioDecoders).toBeLessThanOrEqual(1);
    expect(playing.audioContexts).toBe(1);
    expect(playing.videoFrames).toBeLessThan(12);
    await page.evaluate(() => window.page.player?.close());
    expect(await page.evaluate(() => window.countResources())).toEqual({
      videoFrames: 0,
      videoDecoders: 0,
      audioDecoders: 0,
      audioContexts: 0,
      repaints: 0,
    });
    expect(tab.errors).toEqual([]);
  });

  it("plays a broadcast that has only sound, with its timed messages", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => {
      window.page.edge.kinds = ["audio"];
      window.page.start();
    });
    await waitInPage(page, "audible samples", () => (window.page.player?.stats().audioPeak ?? 0) > 0.05);
    const at = await page.evaluate(() => {
      const time = Math.round(window.page.nowUs() + 200_000);
      window.page.edge.sendTimed({ v: 1, id: "a", type: "cue", at: time, data: null }, "track");
      return time;
    });
    await waitFor("the message", async () => (await readLog(page)).timed.length === 1);
    const { timed, errors, states } = await readLog(page);
    const { mediaTimeUs = 0, stillUs = 0 } = timed[0] ?? {};
    expect(mediaTimeUs - at).toBeGreaterThanOrEqual(0);
    expect(mediaTimeUs - at - stillUs).toBeLessThan(200_000);
    expect(states).toEqual(["connecting", "playing"]);
    expect(errors).toEqual([]);
    expect((await stats(page)).videoCodec).toBeUndefined();
  });

  it("goes on with Opus, as browsers publish it", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => window.page.start());
    await presents(page, 25);
    await page.evaluate((clip) => window.page.changeToOpus(clip), large);
    await waitFor("the codec", async () => (await stats(page)).audioCodec === "opus");
    await presents(page, 50);
    await waitInPage(page, "audible samples", () => (window.page.player?.stats().audioPeak ?? 0) > 0.05);
    expect(Math.abs((await stats(page)).avSkewMs)).toBeLessThan(40);
    expect((await readLog(page)).errors).toEqual([]);
  });

  it("shows the new size at the keyframe with which the picture changes", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => window.page.start());
    await presents(page, 50);
    await page.evaluate((clip) => window.page.edge.change(clip), small);
    await waitFor("the new size", async () => (await stats(page)).width === 320);
    await presents(page, 50);
    const { presented, states, errors } = await readLog(page);
    expect(errors).toEqual([]);
    expect(states).toEqual(["connecting", "playing"]);
    expect(presented.filter(({ expected, painted }) => expected !== painted)).toEqual([]);
    const times = presented.map(({ timestampUs }) => timestampUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("drops sound that leaves, and takes it up when it comes back", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => window.page.start());
    await waitInPage(page, "audible samples", () => (window.page.player?.stats().audioPeak ?? 0) > 0.05);
    await page.evaluate((clip) => window.page.edge.change(clip, ["video"]), large);
    await waitInPage(page, "no codec", () => window.page.player?.stats().audioCodec === undefined);
    await presents(page, 25);
    await page.evaluate((clip) => window.page.edge.change(clip, ["video", "audio"]), large);
    await waitInPage(page, "audible samples", () => (window.page.player?.stats().audioPeak ?? 0) > 0.05);
    await presents(page, 25);
    expect((await readLog(page)).errors).toEqual([]);
  });

  it("measures from the fastest frame when the edge does not tell the time", async () => {
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => window.page.start({}, "frames-without-time"));
    await presents(page, 75);
    await waitForState(page, "playing");
    const { isLatencyAbsolute, latencyMs } = await stats(page);
    expect(isLatencyAbsolute).toBe(false);
    expect(latencyMs).toBeLessThan(1_000);
  });
});
