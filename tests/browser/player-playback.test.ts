import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { ROOT } from "../repository/repository-files.ts";
import { bundlePage } from "./player/bundle-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";
import type { PageLog } from "./player/player-page.ts";
import { RelayEdge } from "./player/relay-edge.ts";

const CLIP = { seconds: 8, fps: 25, size: "640x360", keyframeInterval: 25 };

let chromium: TestChromium;
let script: string;
let plain: ClipFrames;
let reordered: ClipFrames;

beforeAll(async () => {
  plain = makeClipFrames({ ...CLIP, bFrames: 0 });
  reordered = makeClipFrames({ ...CLIP, bFrames: 3 });
  [script, chromium] = await Promise.all([
    bundlePage(join(ROOT, "tests", "browser", "player", "player-page.ts")),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await chromium.close();
});

async function openPlayerPage(clip: ClipFrames): Promise<{ page: Page; errors: string[] }> {
  const { page, errors } = await chromium.openPage();
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.PlayerPage !== undefined);
  await page.evaluate((frames) => {
    window.page = new window.PlayerPage(frames);
  }, clip);
  return { page, errors };
}

function presentedCount(page: Page): Promise<number> {
  return page.evaluate(() => window.page.log.presented.length);
}

async function waitForFrames(page: Page, count: number): Promise<void> {
  try {
    await waitFor(`${count} presented frames`, async () => (await presentedCount(page)) >= count, 15_000);
  } catch (error) {
    const { states, errors } = await readLog(page);
    throw new Error(`${String(error)}; states ${states.join(", ")}; errors ${errors.join(", ")}`, {
      cause: error,
    });
  }
}

function readLog(page: Page): Promise<PageLog> {
  return page.evaluate(() => window.page.log);
}

describe("Player", () => {
  it.each([
    { name: "without B-frames", clip: () => plain },
    { name: "with B-frames", clip: () => reordered },
  ])("paints every picture at its time, in order, $name", async ({ clip }) => {
    const { page, errors } = await openPlayerPage(clip());
    await page.evaluate(() => window.page.start());
    await waitForFrames(page, 75);
    const log = await readLog(page);
    console.log(await page.evaluate(() => JSON.stringify(window.page.player?.stats())));
    console.log(JSON.stringify(log).slice(0, 1500));
    expect(log.errors).toEqual([]);
    expect(errors).toEqual([]);
    expect(log.states).toEqual(["connecting", "playing"]);
    expect(log.presented.filter(({ expected, painted }) => expected !== painted)).toEqual([]);
    const times = log.presented.map(({ timestampUs }) => timestampUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    await page.context().close();
  });
});

describe("MoqUpstream", () => {
  it("plays what comes over MoQ", async () => {
    const { page, errors } = await openPlayerPage(plain);
    await page.evaluate(() => window.page.start({}, "moq"));
    await waitForFrames(page, 50);
    const log = await readLog(page);
    console.log(await page.evaluate(() => JSON.stringify(window.page.player?.stats())));
    expect(errors).toEqual([]);
    expect(log.errors).toEqual([]);
    expect(log.states).toEqual(["connecting", "playing"]);
    await page.context().close();
  });
});

describe("webTransportUpstream", () => {
  it("plays from a relay over the network", async () => {
    await using edge = await RelayEdge.start(plain);
    const { page, errors } = await openPlayerPage(plain);
    await page.evaluate((src) => window.page.start({ src }, "network"), edge.url);
    await waitForFrames(page, 75);
    const log = await readLog(page);
    console.log(await page.evaluate(() => JSON.stringify(window.page.player?.stats())));
    expect(errors).toEqual([]);
    expect(log.errors).toEqual([]);
    expect(log.states).toEqual(["connecting", "playing"]);
    await page.context().close();
  });
});
