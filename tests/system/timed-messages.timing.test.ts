import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTimedMessage, type Json, TIMED_SEI_UUID } from "@canopy/media/timed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder, type RecordedFrame } from "../harness/broadcast-recorder.ts";
import { type BrowserViewer, type FiredMessage, openViewer } from "../harness/browser-viewer.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeBFrameClip, makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { type PostedMessage, postRandomMessages, postTimed } from "../harness/post-timed.ts";
import { readBurntInNumbers, traceUserData } from "../harness/read-elementary-stream.ts";
import { SMALL_PICTURE } from "../harness/test-picture.ts";
import { timedCarriers } from "../harness/timed-carriers.ts";
import { untilAnnounced } from "../harness/until-announced.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Composed without a GPU: a page costs what it is large. */
const VIEWPORT = { width: 360, height: 240 };
/** Pictures of the clip with B-frames. */
const CLIP_FRAMES = 150;
const UUID = Buffer.from(TIMED_SEI_UUID.replaceAll("-", ""), "hex");

interface Way {
  readonly transport: string;
  /** Number of the edge. */
  readonly edge: number;
  readonly query?: Readonly<Record<string, string>>;
}

const MOQ_WAYS: readonly Way[] = [
  { transport: "webtransport", edge: 0 },
  { transport: "websocket", edge: 1 },
];
/** With time for a machine that does all of this at once. */
const WHEP: Way = { transport: "whep", edge: 1, query: { latency: "300" } };
/** A media time that went through an RTP timestamp is a tick of 1/90,000 s, half a tick early at most. */
const WHEP_ROUNDING_US = 18;

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

async function openViewers(broadcast: string, ways: readonly Way[]): Promise<BrowserViewer[]> {
  return Promise.all(
    ways.map(({ transport, edge: index, query }) =>
      openViewer(stage.chromium, {
        console: stage.dev.console,
        src: [edge(index)],
        broadcast,
        query: { transports: transport, ...query },
        viewport: VIEWPORT,
      }),
    ),
  );
}

/** Waits until every viewer has fired all messages, and a moment longer for what must not come. */
async function waitForAll(viewers: readonly BrowserViewer[], posted: readonly PostedMessage[]) {
  const wait = async (viewer: BrowserViewer): Promise<void> => {
    await waitFor(
      "all messages to be fired",
      async () => (await viewer.fired()).length >= posted.length,
      20_000,
    ).catch(() => {
      // The comparison below says which ones are missing.
    });
    await viewer.presents(15);
  };
  await Promise.all(viewers.map(wait));
}

/** In the order in which they are due; the ids of the origin rise within one media time. */
function inOrder(posted: readonly PostedMessage[]): PostedMessage[] {
  return [...posted].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

/** The frame of a message: the first one in presentation order that is not before its time. */
function frameTimeOf(at: number, timesUs: readonly number[]): number | undefined {
  return timesUs.find((time) => time >= at);
}

interface Published {
  readonly posted: readonly PostedMessage[];
  /** Of the video as it left the edge, in decoding order. */
  readonly video: readonly RecordedFrame[];
}

/** Media times of the pictures in presentation order. */
function presentationTimes(video: readonly RecordedFrame[]): number[] {
  return video.map((frame) => frame.timestampUs).sort((a, b) => a - b);
}

async function expectFired(
  viewer: BrowserViewer,
  { posted, video }: Published,
  numbers: readonly (number | undefined)[],
): Promise<void> {
  const fired: readonly FiredMessage[] = await viewer.fired();
  // Not pictures that a busy machine left out, but those that were missing explain a message on another frame.
  const { transport, gaps, lostGroups, stalls, droppedFrames, presentedFrames } = await viewer.stats();
  const trouble = JSON.stringify({ transport, gaps, lostGroups, stalls, droppedFrames, presentedFrames });
  const timesUs = presentationTimes(video);
  const roundingUs = transport === "whep" ? WHEP_ROUNDING_US : 0;
  const nearest = (timeUs: number): number =>
    timesUs.find((time) => Math.abs(time - timeUs) <= roundingUs) ?? timeUs;
  const seen = fired.map(({ id, type, at, data, mediaTimeUs }) => ({
    ...{ id, type, at, data },
    mediaTimeUs: nearest(mediaTimeUs),
  }));
  const wanted = inOrder(posted).map((message) => ({
    ...message,
    mediaTimeUs: frameTimeOf(message.at, timesUs),
  }));
  expect(
    seen.map(({ id }) => id),
    trouble,
  ).toEqual(wanted.map(({ id }) => id));
  expect(seen, trouble).toEqual(wanted);
  // What the canvas showed at the moment of the event against what another decoder finds in that very picture.
  const burntIn = new Map(timesUs.map((time, index) => [time, numbers[index]]));
  expect(
    fired.map(({ frame }) => frame),
    trouble,
  ).toEqual(wanted.map(({ mediaTimeUs = 0 }) => burntIn.get(mediaTimeUs)));
  expect(fired.every(({ frame }) => frame !== undefined)).toBe(true);
}

/** Every message byte by byte in the SEI of its access units. */
async function expectInElementaryStream({ posted, video }: Published, name: string): Promise<string> {
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat(video.map((frame) => frame.payload)));
  const traced = await traceUserData(file);
  expect(traced.units).toBe(video.length);
  const carried = new Map<string, number[]>();
  for (const { unit, bytes } of traced.messages) {
    if (!bytes.subarray(0, UUID.length).equals(UUID)) continue;
    const key = bytes.subarray(UUID.length).toString("hex");
    carried.set(key, [...(carried.get(key) ?? []), unit]);
  }
  const carriers = timedCarriers(
    posted,
    video.map(({ timestampUs }) => timestampUs),
  );
  const wanted = new Map([...carriers].map(([message, units]) => [hexOf(message), units]));
  expect(Object.fromEntries(carried)).toEqual(Object.fromEntries(wanted));
  return file;
}

function hexOf({ id, type, at, data }: PostedMessage): string {
  return Buffer.from(encodeTimedMessage({ v: 1, id, type, at, data: data as Json })).toString("hex");
}

function expectOnTrack(recorder: BroadcastRecorder, posted: readonly PostedMessage[]): void {
  const frames = recorder.frames("timed");
  const onTrack = frames.map((frame) => `${frame.timestampUs} ${Buffer.from(frame.payload).toString("hex")}`);
  const wanted = posted.map((message) => `${message.at} ${hexOf(message)}`);
  expect(onTrack.sort()).toEqual(wanted.sort());
  // One group per message.
  expect(new Set(frames.map(({ group }) => group)).size).toBe(frames.length);
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

describe("timed messages", () => {
  it("500 of any size and time are each fired once, in order, on their frame, over WebTransport, WebSocket and WHEP", async () => {
    const ways = [...MOQ_WAYS, WHEP];
    const viewers = await openViewers(DEMO_BROADCAST, ways);
    const recorder = await BroadcastRecorder.open(edge(0), DEMO_BROADCAST, ["video", "timed"]);
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(30)));
      await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
      const posted = await postRandomMessages(
        { seed: 20_251, count: 500, meanGapMs: 30 },
        { origin: stage.dev.origin, broadcast: DEMO_BROADCAST },
      );
      await waitForNewest(recorder, "video", lastTime(posted) + AFTERWARDS_US);
      await waitForAll(viewers, posted);
      const published = { posted, video: recorder.frames("video") };
      const file = await expectInElementaryStream(published, "video.h264");
      expectOnTrack(recorder, posted);
      const numbers = await readBurntInNumbers(file);
      expect(numbers.length).toBe(published.video.length);
      for (const viewer of viewers) {
        await expectFired(viewer, published, numbers);
        expect(viewer.errors).toEqual([]);
      }
      const transports = await Promise.all(viewers.map(async (viewer) => (await viewer.stats()).transport));
      expect(transports).toEqual(ways.map(({ transport }) => transport));
    } finally {
      recorder.close();
      await Promise.all(viewers.map((viewer) => viewer.close()));
    }
  });
});

// Two of these players show pictures: beside each other.
describe.concurrent("timed messages of other broadcasts", () => {
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
    const viewers = await openViewers(broadcast, MOQ_WAYS);
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
      const file = await expectInElementaryStream(published, "b-frames.h264");
      expectOnTrack(recorder, posted);
      const numbers = await readBurntInNumbers(file);
      for (const viewer of viewers) await expectFired(viewer, published, numbers);
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
    const viewers = await openViewers(broadcast, MOQ_WAYS);
    const recorder = await BroadcastRecorder.open(edge(0), broadcast, ["audio", "timed"]);
    try {
      for (const viewer of viewers) {
        await waitFor("sound", async () => (await viewer.stats()).state === "playing");
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
