import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { ROOT } from "../harness/repository-root.ts";
import { bundlePage } from "./player/bundle-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";

/** The clip has times in whole milliseconds, as RTMP has; the browser's encoder may round, too. */
const ROUNDING_US = 1_000;

let chromium: TestChromium;
let script: string;
let clip: ClipFrames;

beforeAll(async () => {
  clip = makeClipFrames({ seconds: 2, fps: 25, size: "320x180", keyframeInterval: 25, bFrames: 0 });
  [script, chromium] = await Promise.all([
    bundlePage(join(ROOT, "tests", "browser", "player", "audio-track-page.ts")),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await chromium?.close();
});

describe("AudioTrack with the browser's decoder", () => {
  it.each(["opus", "aac"] as const)("places %s at its time after frames that never came", async (codec) => {
    const { page, errors, context } = await chromium.openPage();
    await page.addScriptTag({ content: script, type: "module" });
    await page.waitForFunction(() => window.audioTrackPage !== undefined);
    // Half a second of it is missing.
    const indexes = [...Array(60).keys()].filter((index) => index < 10 || index >= 35);

    const { sent, placed } = await page.evaluate(
      ([frames, name, which]) => window.audioTrackPage.place(frames, name, which),
      [clip, codec, indexes] as const,
    );

    expect(errors).toEqual([]);
    expect(sent).toHaveLength(indexes.length);
    expect(placed).toHaveLength(sent.length);
    for (const [index, timestampUs] of placed.entries()) {
      expect(Math.abs(timestampUs - (sent[index] ?? 0))).toBeLessThanOrEqual(ROUNDING_US);
    }
    await context.close();
  });
});
