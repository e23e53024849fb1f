import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder } from "../harness/broadcast-recorder.ts";
import { type BrowserViewer, openViewer, type PaintedClock } from "../harness/browser-viewer.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { devProcess } from "../harness/kill-node.ts";
import { percentile } from "../harness/percentile.ts";
import { type PostedMessage, postTimed } from "../harness/post-timed.ts";
import { readBurntInNumbers } from "../harness/read-elementary-stream.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";

const DEMO = "live/demo";
/** The element's timeline is rounded to µs, and so is the player's. */
const CLOCK_US = 3;
/** What is left to the latency that the player keeps when it has settled, ms. */
const NEAR_MS = 150;
/** One or two happen while a player finds its distance. */
const FEW_STALLS = 3;

const stage = useDevInChromium({ edges: 1, picture: MEDIUM_PICTURE });
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-hls-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function watch(broadcast = DEMO): Promise<BrowserViewer> {
  const { dev, chromium } = stage;
  const query = { transports: "hls" };
  return openViewer(chromium, { console: dev.console, src: dev.edges, broadcast, query });
}

/** Root mean square of what the element lets out within a second. */
function loudness(viewer: BrowserViewer): Promise<number> {
  return viewer.page.evaluate(async () => {
    const player = document.querySelector("canopy-player") as HTMLElement & { muted: boolean };
    player.muted = false;
    const video = player.shadowRoot?.querySelector("video");
    if (video === null || video === undefined) throw new Error("the player has no video element");
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaElementSource(video).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    for (let look = 0; look < 20; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      loudest = Math.max(loudest, Math.sqrt(power));
    }
    return loudest;
  });
}

function tally(values: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Pictures of a broadcast in their order, told by their place in it. */
interface Pictures {
  /** The first one not before a media time; -1 outside of the recording. */
  atTime(timeUs: number): number;
  /** The one with that burnt-in number; -1 if it is not among them. */
  withNumber(number: number | undefined): number;
}

/** Ends a recording, and has another decoder read it. */
async function readPictures(recorder: BroadcastRecorder): Promise<Pictures> {
  const video = recorder.frames("video");
  recorder.close();
  const file = join(folder, "video.h264");
  writeFileSync(file, Buffer.concat(video.map(({ payload }) => payload)));
  const numbers = await readBurntInNumbers(file);
  const timesUs = video.map(({ timestampUs }) => timestampUs).sort((a, b) => a - b);
  const firstUs = (timesUs[0] ?? Number.POSITIVE_INFINITY) - CLOCK_US;
  return {
    atTime: (timeUs) => (timeUs < firstUs ? -1 : timesUs.findIndex((time) => time >= timeUs - CLOCK_US)),
    withNumber: (number) => (number === undefined ? -1 : numbers.indexOf(number)),
  };
}

// One after the other, as they look at one player; those below wait most of their time, and that while it starts.
describe.concurrent("the player over HLS", () => {
  let viewer: BrowserViewer;

  // All look at one player that has found its distance, which takes longer than looking.
  beforeAll(async () => {
    viewer = await watch();
    await viewer.presents(30);
    await viewer.until(
      "its distance",
      ({ latencyMs, targetLatencyMs }, nearMs) => Math.abs(latencyMs - targetLatencyMs) < nearMs,
      { argument: NEAR_MS },
    );
  });

  afterAll(() => viewer?.close());

  it.sequential("paints live pictures whose media time is right, and keeps its distance", async () => {
    const recorder = await BroadcastRecorder.open(stage.dev.edges[0] ?? "", DEMO, ["video"]);
    await viewer.takePainted();
    const painted: PaintedClock[] = [];
    await waitFor("pictures", async () => {
      painted.push(...(await viewer.takePainted()));
      return painted.length > 150;
    });
    const stats = await viewer.plays();
    const pictures = await readPictures(recorder);
    const ages = painted.map(({ captureMs, seenMs }) => seenMs - captureMs);
    console.log(
      `hls: join ${stats.joinMs} ms, age p50 ${Math.round(percentile(ages, 0.5))} ms, p95 ${Math.round(percentile(ages, 0.95))} ms, ${painted.length} pictures, ${JSON.stringify({ ...stats, presentedTimestampsUs: undefined })}`,
    );
    // Of what the encoder had time for.
    const [firstUs = 0, lastUs = 0] = [painted[0]?.mediaTimeUs, painted.at(-1)?.mediaTimeUs];
    const sent = recorder
      .frames("video")
      .filter(({ timestampUs }) => timestampUs >= firstUs && timestampUs <= lastUs);
    expect(painted.length).toBeGreaterThan(sent.length * 0.6);
    const frames = painted.map(({ frame }) => frame);
    expect(frames).toEqual([...frames].sort((left, right) => left - right));
    // A player that stalled on a busy machine keeps more, as it has to, and that it keeps.
    const farthestMs = stats.stalls < FEW_STALLS ? 2_000 : stats.targetLatencyMs + 2 * NEAR_MS;
    expect(percentile(ages, 0.5)).toBeLessThan(farthestMs);
    // The picture of that time, as another decoder finds it, or the next one, which the element shows already.
    const recorded = painted
      .map(({ frame, mediaTimeUs }) => [pictures.withNumber(frame), pictures.atTime(mediaTimeUs)] as const)
      .filter(([shown, meant]) => shown >= 0 && meant >= 0);
    const off = recorded.map(([shown, meant]) => shown - meant);
    console.log(`pictures after the one of their media time: ${JSON.stringify(tally(off))}`);
    expect(recorded.length).toBeGreaterThan(painted.length / 2);
    expect(Math.min(...off)).toBeGreaterThanOrEqual(0);
    expect(off.filter((frames) => frames <= 1).length).toBeGreaterThanOrEqual(0.9 * off.length);
    expect(stats.transport).toBe("hls");
    expect(stats.isLatencyAbsolute).toBe(true);
    expect(stats.targetLatencyMs).toBeGreaterThan(500);
    expect(stats.bufferMs).toBeGreaterThan(0);
    expect(stats.bitrateBps).toBeGreaterThan(100_000);
    expect(stats.videoCodec).toMatch(/^avc1/);
    expect(viewer.errors).toEqual([]);
  });

  it.sequential("fires 100 timed messages once each, in order, on their frame", async () => {
    const recorder = await BroadcastRecorder.open(stage.dev.edges[0] ?? "", DEMO, ["video"]);
    await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
    const presented = new Set<number>();
    const notePresented = async (): Promise<void> => {
      for (const timeUs of (await viewer.stats()).presentedTimestampsUs) presented.add(timeUs);
    };
    const posted: PostedMessage[] = [];
    for (let index = 0; index < 100; index += 1) {
      posted.push(await postTimed(stage.dev.origin, DEMO, { type: "cue", data: index, delayMs: index % 5 }));
      await sleep(40);
      // The player knows those of the last eight seconds.
      if (index % 20 === 0) await notePresented();
    }
    await viewer.fires(posted.length, 20_000).catch(() => {
      // The comparison below says which ones are missing.
    });
    await notePresented();
    const fired = await viewer.fired();
    const wanted = [...posted].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
    expect(fired.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
    expect(new Set(fired.map(({ source }) => source))).toEqual(new Set(["hls"]));
    // The first picture not before the message of those that the browser said it presented.
    const shownUs = [...presented].sort((a, b) => a - b);
    expect(fired.map(({ mediaTimeUs }) => mediaTimeUs)).toEqual(
      wanted.map(({ at }) => shownUs.find((timeUs) => timeUs >= at)),
    );
    // What stood on screen at the moment of the event, against what another decoder finds in the message's picture.
    const pictures = await readPictures(recorder);
    const offFrom = (timeUs: number, frame: number | undefined): number =>
      pictures.withNumber(frame) - pictures.atTime(timeUs);
    const offShown = fired.map(({ frame, mediaTimeUs }) => offFrom(mediaTimeUs, frame));
    const offMeant = fired.map(({ frame, at }) => offFrom(at, frame));
    console.log(
      `hls: ${fired.length} of ${posted.length} fired; frames after their own: ${JSON.stringify(tally(offMeant))}; after the one presented: ${JSON.stringify(tally(offShown))}`,
    );
    // Never before its picture; on a busy machine the page may hear of one after the next is up.
    expect(Math.min(...offShown)).toBeGreaterThanOrEqual(0);
    expect(offShown.filter((frames) => frames <= 1).length).toBeGreaterThanOrEqual(0.9 * fired.length);
  });

  it.sequential("fires messages with a picture, not with the sound, after moments in which the page was busy", async () => {
    const firedBefore = (await viewer.fired()).length;
    const busy = viewer.page.evaluate(async (blockMs) => {
      for (let round = 0; round < 4; round += 1) {
        const until = performance.now() + blockMs;
        while (performance.now() < until);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }, 700);
    const posted: PostedMessage[] = [];
    for (let index = 0; index < 25; index += 1) {
      posted.push(await postTimed(stage.dev.origin, DEMO, { type: "cue", data: index }));
      await sleep(90);
    }
    await busy;
    await viewer.fires(firedBefore + posted.length);
    const presented = new Set((await viewer.stats()).presentedTimestampsUs);
    const fired = (await viewer.fired()).slice(firedBefore);
    expect(fired.map(({ id }) => id)).toEqual(posted.map(({ id }) => id));
    expect(fired.filter(({ mediaTimeUs }) => !presented.has(mediaTimeUs))).toEqual([]);
  });

  it.sequential("is back at its distance soon after the edge stood still for three seconds", async () => {
    /** Of the newest picture since the last look. */
    const takeAgeMs = async (): Promise<number> => {
      const newest = (await viewer.takePainted()).at(-1);
      return newest === undefined ? Number.POSITIVE_INFINITY : newest.seenMs - newest.captureMs;
    };
    const beforeMs = await takeAgeMs();
    const { pid } = await devProcess(stage.dev, "edge-1");
    if (pid === null) throw new Error("the edge is not running");
    process.kill(pid, "SIGSTOP");
    try {
      await sleep(3_000);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await viewer.takePainted();
    const resumedAtMs = performance.now();
    // Having run dry it keeps a little more.
    let ageMs = Number.POSITIVE_INFINITY;
    await waitFor(
      "its distance again",
      async () => {
        ageMs = await takeAgeMs();
        return ageMs < beforeMs + 500;
      },
      60_000,
    ).catch(async (cause: unknown) => {
      const stats = { ...(await viewer.stats()), presentedTimestampsUs: undefined };
      throw new Error(`${ageMs} ms after ${beforeMs} ms: ${JSON.stringify(stats)}`, { cause });
    });
    const backMs = performance.now() - resumedAtMs;
    console.log(`hls: ${Math.round(beforeMs)} ms again ${Math.round(backMs)} ms after a stall of 3 s`);
    expect((await viewer.plays()).transport).toBe("hls");
  });

  // The last one: what is led into a graph of sounds keeps the graph's time.
  it.sequential("is audible", async () => {
    expect(await loudness(viewer)).toBeGreaterThan(0.001);
    expect(viewer.errors).toEqual([]);
  });
});

describe.concurrent("the player over HLS of other broadcasts", () => {
  it("waits for a broadcast that is not live, and goes on when its publisher comes back", async () => {
    const broadcast = "live/restarted";
    const viewer = await watch(broadcast);
    await viewer.until("the state ended", ({ state }) => state === "ended");
    const clip = makeClip({ profile: "main", keyframeInterval: 30 });
    const first = publishWithFfmpeg(clip, `${stage.dev.rtmp}/${broadcast}`);
    await viewer.presents(60);
    await first.stop();
    await sleep(1_500);
    const second = publishWithFfmpeg(clip, `${stage.dev.rtmp}/${broadcast}`);
    await viewer.presents(1);
    await viewer.presents(90);
    expect((await viewer.plays()).transport).toBe("hls");
    await second.stop();
    await viewer.close();
  });

  it("plays sound alone", async () => {
    const broadcast = "live/hls-sound";
    const publisher = publishWithFfmpeg(makeClip({ video: false }), `${stage.dev.rtmp}/${broadcast}`);
    const viewer = await watch(broadcast);
    await viewer.until("sound", ({ state }) => state === "playing");
    expect(await loudness(viewer)).toBeGreaterThan(0.001);
    const { id } = await postTimed(stage.dev.origin, broadcast, { type: "cue", data: 1 });
    await waitFor("the message", async () => (await viewer.fired()).some((message) => message.id === id));
    await viewer.close();
    await publisher.stop();
  });
});
