import type { PlayerStats } from "@canopy/player";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { PagePool } from "../harness/page-pool.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { waitFor } from "../harness/wait-for.ts";
import { waitInPage } from "../harness/wait-in-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";
import type { PageLog, PresentedPicture } from "./player/player-page.ts";
import {
  bundlePlayerPage,
  type PlayerTab,
  readLog,
  stats,
  takePlayerTab,
  waitForFrames,
  waitForMoreFrames,
  waitForState,
} from "./player/player-tab.ts";
import { RelayEdge } from "./player/relay-edge.ts";

const CLIP = { seconds: 8, fps: 25, size: "640x360", keyframeInterval: 25 };
/** Time between two frames of the clip, µs. */
const FRAME_US = 40_000;

// They mostly wait for pictures that come in real time.
const it = takingTurns(3);

let pages: PagePool;
let script: string;
let plain: ClipFrames;
let reordered: ClipFrames;

beforeAll(async () => {
  plain = makeClipFrames({ ...CLIP, bFrames: 0 });
  reordered = makeClipFrames({ ...CLIP, bFrames: 3 });
  const [bundle, chromium] = await Promise.all([bundlePlayerPage(), launchChromium()]);
  script = bundle;
  pages = new PagePool(chromium);
});

afterAll(() => pages?.[Symbol.asyncDispose]());

const openPlayerPage = (clip: ClipFrames): Promise<PlayerTab> => takePlayerTab(pages, script, clip);

/**
 * The steps from picture to picture, µs, without what the page stood still meanwhile: then it shows only the newest one
 * afterwards. What was sent to it in between is decoded a repaint later, so that the next step has what is left of it.
 */
function stepsWithoutStandstills(presented: readonly PresentedPicture[]): number[] {
  let leftUs = 0;
  return presented.slice(1).map(({ timestampUs, stillUs }, index) => {
    const stepUs = timestampUs - (presented[index]?.timestampUs ?? 0);
    const excusedUs = Math.min(leftUs + stillUs, Math.max(0, stepUs - FRAME_US));
    leftUs = Math.max(0, stillUs - excusedUs);
    return stepUs - excusedUs;
  });
}

/** Which pictures came late, after how long, and how long the page stood still before them, ms. */
function pauses(presented: readonly PresentedPicture[]): string {
  const lines = presented.map(({ timestampUs, stillUs }, index) => {
    const stepUs = timestampUs - (presented[index - 1]?.timestampUs ?? timestampUs);
    return stepUs > 4 * FRAME_US ? `picture ${index} after ${stepUs / 1000}, page ${stillUs / 1000}` : "";
  });
  return lines.filter((line) => line !== "").join("; ");
}

interface Watched {
  readonly log: PageLog;
  /** After `STARTED` pictures, and before the messages. */
  readonly started: PlayerStats;
  readonly stats: PlayerStats;
  /** How many pictures there were when the latency aimed at was in order. */
  readonly settledAt: number;
  /** How far sound and picture were apart, at several moments. */
  readonly skewsMs: readonly number[];
  readonly errors: readonly string[];
}

const clips = [
  { name: "without B-frames", clip: () => plain },
  { name: "with B-frames", clip: () => reordered },
];
/** Pictures of the time in which pages start beside each other. */
const STARTED = 40;
const PICTURES = 100;
const MESSAGES = 30;
const SKEW_LOOKS = 10;
const MAX_LATENCY_MS = 220;

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Four seconds of pictures and sound, then messages in quick succession. */
async function watch(clip: ClipFrames): Promise<Watched> {
  await using tab = await openPlayerPage(clip);
  const { page, errors } = tab;
  await page.evaluate(() => window.page.start());
  await waitForFrames(page, STARTED);
  const started = await stats(page);
  // A page that was held up aims higher, and takes that back slowly.
  const isBelow = (latencyMs: number) =>
    (window.page.player?.stats().targetLatencyMs ?? Number.POSITIVE_INFINITY) < latencyMs;
  await waitInPage(page, "the target", isBelow, { argument: MAX_LATENCY_MS });
  const settledAt = await page.evaluate(() => window.page.log.presented.length);
  const skewsMs: number[] = [];
  while (skewsMs.length < SKEW_LOOKS) {
    await waitForMoreFrames(page, 5);
    skewsMs.push(Math.abs((await stats(page)).avSkewMs));
  }
  await waitForFrames(page, settledAt + PICTURES - STARTED);
  const heard = await stats(page);
  await page.evaluate((count) => {
    const { edge } = window.page;
    const base = window.page.nowUs() + 300_000;
    const ways = ["sei", "track", "both"] as const;
    for (let index = 0; index < count; index += 1) {
      const at = Math.round(base + index * 37_000);
      const way = ways[index % 3] ?? "both";
      edge.sendTimed({ v: 1, id: `m${index}`, type: "cue", at, data: index }, way);
    }
  }, MESSAGES);
  const hasFired = (count: number) => window.page.log.timed.length >= count;
  await waitInPage(page, "all messages", hasFired, { argument: MESSAGES });
  await waitForMoreFrames(page, 10);
  return { log: await readLog(page), started, stats: heard, settledAt, skewsMs, errors: [...errors] };
}

describe("Playback of a whole broadcast", () => {
  /** By the clip's name: each was watched once, and at the same time. */
  let watched: ReadonlyMap<string, Watched>;

  beforeAll(async () => {
    watched = new Map(
      await Promise.all(clips.map(async ({ name, clip }) => [name, await watch(clip())] as const)),
    );
  });

  const get = (name: string): Watched => {
    const one = watched.get(name);
    if (one === undefined) throw new Error(`nobody watched the clip ${name}`);
    return one;
  };

  it.each(clips)("paints every picture at its time, in order, $name", ({ name }) => {
    const { log, settledAt, errors } = get(name);
    expect(log.errors).toEqual([]);
    expect(errors).toEqual([]);
    expect(log.states).toEqual(["connecting", "playing"]);
    expect(log.presented.filter(({ expected, painted }) => expected !== painted)).toEqual([]);
    const times = log.presented.map(({ timestampUs }) => timestampUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    // After the start, and before the messages, every picture is shown, about 150 ms after its capture.
    const shown = times.slice(STARTED, PICTURES);
    const steps = shown.slice(1).map((time, index) => time - (shown[index] ?? 0));
    expect(steps.filter((step) => Math.abs(step - FRAME_US) < 5_000).length).toBeGreaterThan(
      steps.length * 0.9,
    );
    const settled = log.presented.slice(settledAt, settledAt + PICTURES - STARTED);
    expect(median(settled.map(({ latencyUs }) => latencyUs))).toBeLessThan(MAX_LATENCY_MS * 1000);
  });

  it.each(clips)("fires timed messages exactly on their frames, once, $name", ({ name }) => {
    const { timed, presented } = get(name).log;
    expect(timed.map(({ id }) => id)).toEqual(Array.from({ length: MESSAGES }, (_, index) => `m${index}`));
    for (const { at, mediaTimeUs } of timed) {
      const first = presented.find(({ timestampUs }) => timestampUs >= at);
      expect(mediaTimeUs).toBe(first?.timestampUs);
      expect(mediaTimeUs - at).toBeLessThan(3 * FRAME_US);
    }
    expect(new Set(timed.map(({ source }) => source))).toEqual(new Set(["sei", "track"]));
  });

  it("plays the sound of the picture", () => {
    const { started, stats: heard, skewsMs } = get("without B-frames");
    const { audioPeak, audioUnderruns, audioCodec } = heard;
    expect(audioCodec).toBe("mp4a.40.2");
    expect(audioPeak).toBeGreaterThan(0.05);
    expect(audioUnderruns - started.audioUnderruns).toBeLessThanOrEqual(1);
    expect(median(skewsMs)).toBeLessThan(20);
  });
});

describe.concurrent("Playback", () => {
  it("goes on at the next keyframe when a group is lost", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => {
      window.page.edge.isLost = (kind, sequence) => kind === "video" && sequence % 3 === 0;
      window.page.start();
    });
    // Past the first group that is lost, wherever it began.
    await waitForFrames(page, 80);
    const log = await readLog(page);
    expect(log.presented.filter(({ expected, painted }) => expected !== painted)).toEqual([]);
    expect((await stats(page)).gaps).toBeGreaterThan(0);
    expect(log.errors).toEqual([]);
  });

  it("raises its latency on a jittery path, and shows nearly every picture in the end", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => {
      let count = 0;
      let heldUntilMs = 0;
      // Streams keep their order: what follows a held frame waits as well.
      window.page.edge.delayMs = ({ kind }) => {
        if (kind === "audio") return 0;
        count += 1;
        const nowMs = performance.now();
        if (count % 25 === 0) heldUntilMs = nowMs + 350;
        return Math.max(20, heldUntilMs - nowMs);
      };
      window.page.start();
    });
    await waitForFrames(page, 200);
    const { targetLatencyMs, jitterMs } = await stats(page);
    expect(targetLatencyMs).toBeGreaterThan(300);
    expect(jitterMs).toBeGreaterThan(200);
    const settled = (await readLog(page)).presented.slice(-50);
    const lengthUs = stepsWithoutStandstills(settled).reduce((sum, step) => sum + step, 0);
    expect(lengthUs / FRAME_US).toBeLessThan(55);
  });

  it("decodes no picture while hidden, keeps the sound, and returns at once", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start());
    await waitForFrames(page, 50);
    await page.evaluate(() => window.page.player?.setHidden(true));
    const before = await stats(page);
    await page.waitForTimeout(2_500);
    const hidden = await stats(page);
    expect(hidden.decodedFrames - before.decodedFrames).toBeLessThan(12);
    expect(hidden.audioPeak).toBeGreaterThan(0.05);
    await waitForState(page, "playing");
    await page.evaluate(() => window.page.player?.setHidden(false));
    const shown = await page.evaluate(() => window.page.log.presented.length);
    // Until it has caught up, the picture is late by what it has still to decode.
    const areOfNow = (before: number): boolean => {
      const { presented } = window.page.log;
      const { latencyUs } = presented.at(-1) ?? { latencyUs: Number.POSITIVE_INFINITY };
      return presented.length >= before + 3 && latencyUs < 300_000;
    };
    await waitInPage(page, "pictures of now", areOfNow, { argument: shown, timeoutMs: 1_500 });
    const log = await readLog(page);
    expect(log.presented.filter(({ expected, painted }) => expected !== painted)).toEqual([]);
  });

  it("shows two viewers the same picture at the same time in sync mode", async () => {
    await using tab = await openPlayerPage(plain);
    await using other = await openPlayerPage(plain);
    for (const { page } of [tab, other])
      await page.evaluate(() => window.page.start({ sync: true, latencyMs: 300 }));
    for (const { page } of [tab, other]) await waitForFrames(page, 100);
    // Who was held up at the start plays a step later for some seconds, and comes back at a higher rate.
    await waitFor("both on the first step", async () => {
      const both = await Promise.all([stats(tab.page), stats(other.page)]);
      return both.every(({ targetLatencyMs, playbackRate }) => targetLatencyMs === 300 && playbackRate === 1);
    });
    await Promise.all([tab, other].map(({ page }) => waitForMoreFrames(page, 40)));
    const latencies = await Promise.all(
      [tab, other].map(async ({ page }) => {
        const sorted = (await readLog(page)).presented.slice(-40).map(({ latencyUs }) => latencyUs);
        return sorted.sort((a, b) => a - b)[20] ?? 0;
      }),
    );
    expect(Math.abs((latencies[0] ?? 0) - (latencies[1] ?? 0))).toBeLessThan(40_000);
  });
});

/** A page that starts beside others may stall then. Returns how many states there were when that is over. */
async function settle(page: Page): Promise<number> {
  await waitForFrames(page, 50);
  await waitForState(page, "playing");
  return (await readLog(page)).states.length;
}

describe.concurrent("MoqUpstream", () => {
  it("moves to the edge that a GOAWAY names without a gap", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start({ src: "https://one.test" }, "moq"));
    const settled = await settle(page);
    await page.evaluate(() => window.page.moq.drain("https://two.test/"));
    await waitInPage(page, "the other edge", () => window.page.player?.stats().src === "https://two.test/");
    await waitForMoreFrames(page, 50);
    const { presented, states } = await readLog(page);
    expect(states.slice(settled), pauses(presented)).toEqual([]);
    const steps = stepsWithoutStandstills(presented.slice(25));
    expect(Math.max(...steps)).toBeLessThan(4 * FRAME_US);
    expect(Math.min(...steps)).toBeGreaterThan(0);
  });

  it("changes to another rendition without a pause", async () => {
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate(() => window.page.start({}, "moq"));
    const settled = await settle(page);
    expect((await stats(page)).renditions).toEqual(["video", "small"]);
    await page.evaluate(() => window.page.player?.setRendition("small"));
    await waitForMoreFrames(page, 50);
    expect((await stats(page)).rendition).toBe("small");
    const { presented, states, errors } = await readLog(page);
    expect(errors).toEqual([]);
    expect(states.slice(settled), pauses(presented)).toEqual([]);
    const steps = stepsWithoutStandstills(presented.slice(25));
    expect(Math.min(...steps)).toBeGreaterThan(0);
    expect(Math.max(...steps)).toBeLessThan(8 * FRAME_US);
  });
});

describe.concurrent("webTransportUpstream", () => {
  it("plays from a relay over the network, and again after the publisher's restart", async () => {
    await using edge = await RelayEdge.start(plain);
    await using tab = await openPlayerPage(plain);
    const { page } = tab;
    await page.evaluate((src) => window.page.start({ src, transports: "webtransport" }, "network"), edge.url);
    await waitForFrames(page, 75);
    const { transport, joinMs, isLatencyAbsolute } = await stats(page);
    expect(transport).toBe("webtransport");
    expect(isLatencyAbsolute).toBe(true);
    expect(joinMs).toBeLessThan(2_000);
    edge.unpublish();
    await waitForState(page, "ended");
    edge.publish();
    await waitForState(page, "playing");
    await waitForMoreFrames(page, 30);
    expect((await readLog(page)).errors).toEqual([]);
    expect(tab.errors).toEqual([]);
  });
});
