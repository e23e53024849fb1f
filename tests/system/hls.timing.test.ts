import { describe, expect } from "vitest";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { type MediaPage, openMediaPage } from "../harness/media-page.ts";
import { percentile } from "../harness/percentile.ts";
import { type PostedMessage, postTimed } from "../harness/post-timed.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";

// They mostly wait for media that comes in real time.
const it = takingTurns(2);

const stage = useDevInChromium({ edges: 2, picture: MEDIUM_PICTURE });

/** Whose sessions are counted: of each kind it has one at a time. */
const countedEdge = (): string => stage.dev.edges[0] ?? "";
const edge = (): string => stage.dev.edges[1] ?? "";
const hlsUrl = (broadcast: string, at = edge()): string => `${at}/hls/${broadcast}/index.m3u8`;
const flvUrl = (broadcast: string, at = edge()): string => `${at}/flv/${broadcast}.flv`;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Of low latency; classic HLS cannot come near it. */
const CLOSE_MS = 2_000;
/** A playlist that completes a segment can come while the part before the last one is taken apart. */
const SLOW_WORKER_MS = 100;
/** Four seconds and more: as many segments, and what a player has in its buffer. */
const PICTURES = 130;

async function showsPictures(page: MediaPage): Promise<void> {
  await waitFor("pictures", async () => (await page.takeShown()).length > 0, 60_000).catch(
    async (cause: unknown) => {
      throw new Error(`no picture: ${JSON.stringify(await page.state())}`, { cause });
    },
  );
}

/** Waits for some pictures, which come in their order, and returns how old each was when it was shown, ms. */
async function watchAges(page: MediaPage): Promise<readonly number[]> {
  await page.takeShown();
  const shown: Awaited<ReturnType<MediaPage["takeShown"]>>[number][] = [];
  await waitFor(
    () => `${PICTURES} pictures, not ${shown.length}`,
    async () => shown.push(...(await page.takeShown())) >= PICTURES,
    60_000,
  );
  const frames = shown.map(({ frame }) => frame);
  expect(frames).toEqual([...frames].sort((left, right) => left - right));
  expect(new Set(frames).size).toBe(frames.length);
  return shown.map(({ captureMs, seenMs }) => seenMs - captureMs);
}

function letsSoundOut(page: MediaPage): Promise<unknown> {
  return waitFor("sound", async () => (await page.state()).loudness > 0.001);
}

describe.concurrent("LL-HLS in Chromium with hls.js", () => {
  it("paints pictures, lets sound out, and stays close behind the live edge", async () => {
    const url = hlsUrl("live/demo", countedEdge());
    const page = await openMediaPage(stage.chromium, { kind: "hls", url });
    await showsPictures(page);
    // A player that stalled while it began is behind, and catches up by a tenth.
    let ages: readonly number[] = [];
    const isClose = async (): Promise<boolean> => {
      ages = await watchAges(page);
      return percentile(ages, 0.5) < CLOSE_MS;
    };
    await waitFor(() => `${CLOSE_MS} ms: ${percentile(ages, 0.5)}`, isClose, 60_000);
    const state = await page.state();
    console.log(
      `hls.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, p95 ${Math.round(percentile(ages, 0.95))} ms, ${ages.length} pictures, ${JSON.stringify(state)}`,
    );
    await letsSoundOut(page);
    expect(state.errors.filter((error) => error.startsWith("fatal"))).toEqual([]);
    const metrics = await scrapeMetrics(countedEdge());
    expect(metrics.get('canopy_sessions{transport="hls"}')).toBe(1);
    expect(metrics.get('canopy_sent_bytes_total{transport="hls"}')).toBeGreaterThan(200_000);
    await page.close();
  });

  it("finds every timed message in SEI, in ID3 and as a date range, at its moment, on a slow device", async () => {
    // All segments are of the same length, as no encoder of this machine makes them.
    const path = "live/messages";
    await using _clip = publishWithFfmpeg(makeClip({ size: "320x180" }), `${stage.dev.rtmp}/${path}`);
    const url = hlsUrl(path);
    await waitFor("the broadcast", async () => (await fetch(url)).ok);
    const page = await openMediaPage(stage.chromium, { kind: "hls", url, workerDelayMs: SLOW_WORKER_MS });
    await waitFor("its course", async () => (await page.state()).currentSeconds > 2);
    const posted: PostedMessage[] = [];
    for (let index = 0; index < 40; index += 1) {
      const data = { index, text: 'quotes " and \u6b4c' };
      posted.push(await postTimed(stage.dev.origin, path, { type: "cue", data, delayMs: index * 20 }));
      await sleep(60);
    }
    const wanted = posted.map(({ id }) => id).sort();
    const idsOf = async (form: string): Promise<readonly string[]> =>
      (await page.messages())
        .filter((message) => message.form === form)
        .map(({ json }) => (JSON.parse(json) as { id: string }).id)
        .sort();
    for (const form of ["id3", "daterange"]) {
      await waitFor(
        () => `all messages as ${form}`,
        async () => (await idsOf(form)).length >= wanted.length,
      );
      expect(await idsOf(form), form).toEqual(wanted);
    }
    await waitFor("all messages as SEI", async () => new Set(await idsOf("sei")).size >= wanted.length);
    const messages = await page.messages();
    let exact = 0;
    for (const { id, at, data } of posted) {
      const forms = messages.filter(({ json }) => (JSON.parse(json) as { id: string }).id === id);
      for (const { json } of forms) expect(JSON.parse(json)).toMatchObject({ id, at, data });
      const sei = forms.filter(({ form }) => form === "sei").map(({ seconds }) => seconds ?? Number.NaN);
      const id3 = forms.find(({ form }) => form === "id3")?.seconds ?? Number.NaN;
      // The first picture that carries it is the first one that is not before it.
      const offset = Math.min(...sei) - id3;
      expect(offset).toBeGreaterThan(-0.002);
      // The encoder of a busy machine leaves pictures out.
      expect(offset).toBeLessThan(0.5);
      if (offset < 0.036) exact += 1;
    }
    console.log(`${exact} of ${posted.length} messages within one picture of their SEI`);
    expect(exact).toBeGreaterThan(posted.length / 2);
    await page.close();
  });

  it("plays whole segments for those who know no parts", async () => {
    const page = await openMediaPage(stage.chromium, {
      kind: "hls",
      url: hlsUrl("live/demo"),
      lowLatency: false,
    });
    await showsPictures(page);
    const ages = await watchAges(page);
    console.log(`classic hls.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, ${ages.length} pictures`);
    await letsSoundOut(page);
    await page.close();
  });
});

describe.concurrent("a publisher who comes back with another picture", () => {
  it.each(["hls", "flv"] as const)("is shown by %s without a reload", async (kind) => {
    const path = `live/back-${kind}`;
    const first = publishWithFfmpeg(makeClip(), `${stage.dev.rtmp}/${path}`);
    const url = kind === "hls" ? hlsUrl(path) : flvUrl(path);
    await waitFor("the broadcast", async () => (await fetch(hlsUrl(path))).ok);
    const page = await openMediaPage(stage.chromium, { kind, url });
    const widthOf = (): Promise<number> =>
      page.page.evaluate(() => document.querySelector("video")?.videoWidth ?? 0);
    await waitFor("the first picture", async () => (await widthOf()) === 640);
    await sleep(3_000);
    await first.stop();
    await sleep(2_000);
    await using _second = publishWithFfmpeg(makeClip({ size: "320x180" }), `${stage.dev.rtmp}/${path}`);
    await waitFor("the second picture", async () => (await widthOf()) === 320, 40_000).catch(
      async (cause: unknown) => {
        throw new Error(`it stays the same: ${JSON.stringify(await page.state())}`, { cause });
      },
    );
    const { currentSeconds } = await page.state();
    await waitFor("its course", async () => (await page.state()).currentSeconds > currentSeconds + 3);
    await page.close();
  });
});

describe.concurrent("HTTP-FLV in Chromium with mpegts.js", () => {
  it("paints pictures and lets sound out", async () => {
    const url = flvUrl("live/demo", countedEdge());
    const page = await openMediaPage(stage.chromium, { kind: "flv", url });
    await showsPictures(page);
    const ages = await watchAges(page);
    const state = await page.state();
    console.log(`mpegts.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, ${JSON.stringify(state)}`);
    await letsSoundOut(page);
    expect(state.errors).toEqual([]);
    expect((await scrapeMetrics(countedEdge())).get('canopy_sessions{transport="flv"}')).toBe(1);
    await page.close();
    await waitFor(
      "the session to end",
      async () => (await scrapeMetrics(countedEdge())).get('canopy_sessions{transport="flv"}') === 0,
    );
  });
});
