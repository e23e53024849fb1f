import { isKeyframe, parseSps, splitAnnexB, usesBFrames } from "@canopy/media/h264";
import { opusPacketDurationUs } from "@canopy/media/opus";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { launchPublisher } from "./publish/launch-publisher.ts";
import { PublishOrigin } from "./publish/publish-origin.ts";

/** A generous bound for a loaded machine; the mean is far below. */
const MAX_DELAY_US = 3_000_000;

let chromium: TestChromium;
let script: string;

beforeAll(async () => {
  [script, chromium] = await launchPublisher();
});

afterAll(async () => {
  await chromium.close();
});

interface StartOptions {
  readonly url: string;
  readonly broadcast: string;
  readonly source: "camera" | "canvas";
  readonly video?: { readonly width?: number; readonly height?: number; readonly fps?: number };
  readonly audio?: false;
}

/** `before` runs in the page before its script. */
async function startPublishing(options: StartOptions, before: () => void = () => {}): Promise<Page> {
  const { page } = await chromium.openPage();
  await page.evaluate(before);
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.canopyPublisher !== undefined);
  await page.evaluate((start) => window.canopyPublisher.start(start), options);
  return page;
}

function states(page: Page): Promise<{ states: string[]; errors: string[] }> {
  return page.evaluate(() => ({
    states: window.canopyPublisher.states,
    errors: window.canopyPublisher.errors,
  }));
}

async function waitUntilLive(origin: PublishOrigin, path: string, page: Page): Promise<void> {
  try {
    await waitFor(`${path} to be live`, () => origin.isLive(path), 20_000);
  } catch (cause) {
    throw new Error(JSON.stringify(await states(page)), { cause });
  }
}

describe("publish", () => {
  it.concurrent("sends over WebSocket from a browser without WebTransport", async () => {
    await using origin = await PublishOrigin.start();
    const page = await startPublishing(
      {
        url: origin.url,
        broadcast: "live/tcp",
        source: "camera",
        video: { width: 640, height: 360, fps: 20 },
      },
      () => Object.assign(window, { WebTransport: undefined }),
    );
    await waitUntilLive(origin, "live/tcp", page);
    const video = origin.receive("live/tcp", "video");
    await waitFor("three groups", () => new Set(video.map((frame) => frame.group)).size >= 3, 30_000);
    for (const frame of video) {
      expect(isKeyframe(PublishOrigin.codecBytes(frame))).toBe(frame.index === 0);
    }
    const times = video.map((frame) => frame.timestampUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    await page.context().close();
  });

  it.concurrent("sends a camera as H.264 and Opus with wall-clock times, keyframe first in every group", async () => {
    await using origin = await PublishOrigin.start({ clockAheadUs: 5_000_000 });
    const page = await startPublishing({
      url: origin.url,
      broadcast: "live/camera",
      source: "camera",
      video: { width: 640, height: 360, fps: 20 },
    });
    await waitUntilLive(origin, "live/camera", page);
    const catalogs = origin.receive("live/camera", "catalog.json");
    await waitFor(
      "a catalog with video and audio",
      () => PublishOrigin.catalogOf(catalogs.at(-1))?.video !== undefined,
      20_000,
    );
    const video = origin.receive("live/camera", "video");
    const audio = origin.receive("live/camera", "audio");
    await waitFor(
      "three groups of video",
      () => new Set(video.map((frame) => frame.group)).size >= 3,
      30_000,
    );

    const catalog = PublishOrigin.catalogOf(catalogs.at(-1));
    expect(catalog?.canopy?.publisher).toBe("moq");
    expect(catalog?.audio?.renditions.audio).toMatchObject({ codec: "opus", sampleRate: 48_000 });
    const rendition = catalog?.video?.renditions.video;
    expect(rendition?.codec).toMatch(/^avc1\.42/);
    expect(rendition).toMatchObject({ codedWidth: 640, codedHeight: 360 });

    for (const frame of video) {
      const bytes = PublishOrigin.codecBytes(frame);
      expect(isKeyframe(bytes), `frame ${frame.index} of group ${frame.group}`).toBe(frame.index === 0);
      expect(usesBFrames(bytes)).toBe(false);
    }
    const [firstKeyframe] = video.filter((frame) => frame.index === 0);
    const sps =
      firstKeyframe &&
      splitAnnexB(PublishOrigin.codecBytes(firstKeyframe)).find((nal) => ((nal[0] ?? 0) & 31) === 7);
    expect(sps && parseSps(sps).codedHeight).toBe(360);
    for (const frames of [video, audio]) {
      const times = frames.map((frame) => frame.timestampUs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      // The origin's clock is five seconds ahead; the publisher follows it.
      for (const frame of frames) {
        const delayUs = frame.arrivalUs + 5_000_000 - frame.timestampUs;
        expect(delayUs).toBeGreaterThan(-100_000);
        expect(delayUs).toBeLessThan(MAX_DELAY_US);
      }
    }
    for (const frame of audio) expect(opusPacketDurationUs(PublishOrigin.codecBytes(frame))).toBe(20_000);
    const perGroup = audio.length / new Set(audio.map((frame) => frame.group)).size;
    expect(perGroup).toBeGreaterThan(10);

    await page.evaluate(() => window.canopyPublisher.publisher?.stop());
    await waitFor("the broadcast to end", () => origin.node.store.get("live/camera") === undefined, 3_000);
    expect(await states(page)).toEqual({ states: ["connecting", "live", "stopped"], errors: [] });
    await page.context().close();
  });

  it.concurrent("comes back by itself with later groups when the origin restarts", async () => {
    const first = await PublishOrigin.start();
    const { certificate, port } = first;
    const page = await startPublishing({
      url: first.url,
      broadcast: "live/canvas",
      source: "canvas",
      audio: false,
    });
    await waitUntilLive(first, "live/canvas", page);
    const before = first.receive("live/canvas", "video");
    await waitFor("video", () => before.length > 10, 20_000);
    await first.close();

    await using second = await PublishOrigin.start({ certificate, port });
    await waitUntilLive(second, "live/canvas", page);
    const after = second.receive("live/canvas", "video");
    await waitFor("video again", () => after.length > 10, 20_000);
    expect(after[0]?.index).toBe(0);
    expect(after[0]?.group).toBeGreaterThan(before.at(-1)?.group ?? Number.POSITIVE_INFINITY);
    expect(after[0]?.timestampUs).toBeGreaterThan(before.at(-1)?.timestampUs ?? Number.POSITIVE_INFINITY);
    const stats = await page.evaluate(() => window.canopyPublisher.publisher?.stats());
    expect(stats?.reconnects).toBe(1);
    expect((await states(page)).states).toEqual(expect.arrayContaining(["live", "reconnecting"]));
    await page.context().close();
  });

  it("goes on in a hidden tab", async () => {
    await using origin = await PublishOrigin.start();
    const page = await startPublishing({ url: origin.url, broadcast: "live/hidden", source: "camera" });
    await waitUntilLive(origin, "live/hidden", page);
    const other = await page.context().newPage();
    await other.bringToFront();
    const video = origin.receive("live/hidden", "video");
    await waitFor("video", () => video.length > 40, 30_000);
    await page.context().close();
  });
});
