import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder } from "../harness/broadcast-recorder.ts";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeBFrameClip, makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { type PostedMessage, postRandomMessages, postTimed } from "../harness/post-timed.ts";
import {
  expectFired,
  expectInElementaryStream,
  expectOnTrack,
  inOrder,
  readFired,
} from "../harness/published-messages.ts";
import { readBurntInNumbers } from "../harness/read-elementary-stream.ts";
import { SMALL_PICTURE } from "../harness/test-picture.ts";
import { untilAnnounced } from "../harness/until-announced.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Composed without a GPU: a page costs what it is large. */
const VIEWPORT = { width: 360, height: 240 };
/** Messages in the page's list. */
const LISTED = 50;
/** Pictures of the clip with B-frames. */
const CLIP_FRAMES = 150;

/** The transport of a viewer at each of the edges. */
const TRANSPORTS = ["webtransport", "websocket"];

// Small, as this machine does everybody's work.
const stage = useDevInChromium({ edges: 2, picture: SMALL_PICTURE });
/** From the first picture on; what the clip with B-frames is made of. */
let source: BroadcastRecorder | undefined;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-timed-"));
  source = await BroadcastRecorder.open(edge(1), DEMO_BROADCAST, ["video"]);
});

afterAll(() => {
  source?.close();
  rmSync(folder, { recursive: true, force: true });
});

function edge(index: number): string {
  return stage.dev.edges[index] ?? "";
}

function openViewers(broadcast: string): Promise<BrowserViewer[]> {
  return Promise.all(
    TRANSPORTS.map((transports, index) =>
      openViewer(stage.chromium, {
        console: stage.dev.console,
        src: [edge(index)],
        broadcast,
        query: { transports },
        viewport: VIEWPORT,
      }),
    ),
  );
}

/** Waits until every viewer has fired all messages, and a moment longer for what must not come. */
async function waitForAll(viewers: readonly BrowserViewer[], posted: readonly PostedMessage[]) {
  const wait = async (viewer: BrowserViewer): Promise<void> => {
    await viewer.fires(posted.length, 20_000).catch(() => {
      // The comparison below says which ones are missing.
    });
    await viewer.presents(15);
  };
  await Promise.all(viewers.map(wait));
}

async function waitForNewest(recorder: BroadcastRecorder, track: string, timeUs: number): Promise<void> {
  await waitFor(`${track} up to the last message`, () => recorder.newestUs(track) > timeUs, 20_000);
}

/** The copies in the pictures after its own are through by then. */
const AFTERWARDS_US = 300_000;
const ONE_SECOND_US = 1_000_000;

function lastTime(posted: readonly PostedMessage[]): number {
  return Math.max(...posted.map(({ at }) => at));
}

/** The page's list shows the newest messages, the last one on top. */
async function expectListed(viewer: BrowserViewer): Promise<void> {
  const newest = (await viewer.fired()).slice(-LISTED).reverse();
  const listed = viewer.page.locator("ol.ticker li pre");
  await waitFor("the page's list", async () => {
    const texts = await listed.allTextContents();
    return texts.length === LISTED && texts[0] === JSON.stringify(newest[0]?.data);
  });
  expect(await listed.allTextContents()).toEqual(newest.map(({ data }) => JSON.stringify(data)));
}

// Two of these players show pictures: beside each other.
describe.concurrent("timed messages", () => {
  it("find their frame among B-frames, too", async () => {
    const broadcast = "live/b-frames";
    const clip = await waitFor("a clip with burnt-in numbers", () => {
      const frames = source?.frames("video") ?? [];
      return frames.length >= CLIP_FRAMES && frames.slice(0, CLIP_FRAMES);
    });
    source?.close();
    const raw = join(folder, "clip.h264");
    writeFileSync(raw, Buffer.concat(clip.map((frame) => frame.payload)));
    const bFrames = publishWithFfmpeg(
      makeBFrameClip(raw, join(folder, "clip.mp4")),
      `${stage.dev.rtmp}/${broadcast}`,
    );
    await untilAnnounced(stage.dev.edges, broadcast);
    const viewers = await openViewers(broadcast);
    const recorder = await BroadcastRecorder.open(edge(0), broadcast, ["video", "timed"]);
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(30)));
      await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
      const posted = await postRandomMessages(
        { seed: 7, count: 80, meanGapMs: 30 },
        { origin: stage.dev.origin, broadcast },
      );
      await waitForNewest(recorder, "video", lastTime(posted) + AFTERWARDS_US);
      await waitForAll(viewers, posted);
      const published = { posted, video: recorder.frames("video") };
      const times = published.video.map((frame) => frame.timestampUs);
      expect(times.some((time, index) => time < (times[index - 1] ?? 0))).toBe(true);
      const file = join(folder, "b-frames.h264");
      await expectInElementaryStream(published, file);
      expectOnTrack(recorder, posted);
      const numbers = await readBurntInNumbers(file);
      for (const viewer of viewers) {
        expectFired(await readFired(viewer), published, numbers);
        await expectListed(viewer);
      }
    } finally {
      recorder.close();
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await bFrames.stop();
    }
  });

  it("come on the track alone when there is no picture, and are fired once", async () => {
    const broadcast = "live/sound-alone";
    const sound = publishWithFfmpeg(makeClip({ video: false }), `${stage.dev.rtmp}/${broadcast}`);
    await untilAnnounced(stage.dev.edges, broadcast);
    const viewers = await openViewers(broadcast);
    const recorder = await BroadcastRecorder.open(edge(0), broadcast, ["audio", "timed"]);
    try {
      for (const viewer of viewers) {
        await viewer.until("sound", ({ state }) => state === "playing");
      }
      await waitFor("the recorder's first frames", () => recorder.frames("audio").length > 10);
      // Sound can be there a moment before the track of messages is: who comes later gets later messages.
      const trials: PostedMessage[] = [];
      await waitFor("every viewer to get messages", async () => {
        trials.push(await postTimed(stage.dev.origin, broadcast, { type: "trial", data: trials.length }));
        await new Promise((resolve) => setTimeout(resolve, 500));
        const fired = await Promise.all(viewers.map((viewer) => viewer.fired()));
        return fired.every((messages) => messages.length > 0);
      });
      const isTrial = ({ type }: { readonly type: string }): boolean => type === "trial";
      const posted: PostedMessage[] = [];
      for (let index = 0; index < 20; index++) {
        posted.push(
          await postTimed(stage.dev.origin, broadcast, {
            type: "cue",
            data: index,
            delayMs: (index % 4) * 300,
          }),
        );
      }
      await waitForNewest(recorder, "audio", lastTime(posted) + ONE_SECOND_US);
      for (const viewer of viewers) {
        const firedMessages = async () => (await viewer.fired()).filter((message) => !isTrial(message));
        await waitFor("all messages", async () => (await firedMessages()).length >= posted.length, 20_000);
        const fired = await firedMessages();
        expect(fired.map(({ id }) => id)).toEqual(inOrder(posted).map(({ id }) => id));
        expect(new Set(fired.map(({ source }) => source))).toEqual(new Set(["track"]));
        // Without pictures the clock itself says when, which is looked at many times a second.
        for (const { at, mediaTimeUs } of fired) {
          expect(mediaTimeUs).toBeGreaterThanOrEqual(at);
          expect(mediaTimeUs - at).toBeLessThan(ONE_SECOND_US);
        }
      }
      const sent = [...trials, ...posted].slice(-recorder.frames("timed").length);
      expect(sent.length).toBeGreaterThan(posted.length);
      expectOnTrack(recorder, sent);
    } finally {
      recorder.close();
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await sound.stop();
    }
  });
});
