import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Parser } from "m3u8-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClipFrames } from "../browser/player/clip-frames.ts";
import { withOpusTone } from "../browser/whep/make-opus-frames.ts";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { type MediaPage, openMediaPage } from "../harness/media-page.ts";
import { type PostedMessage, postTimed } from "../harness/post-timed.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { SoundPublisher } from "../harness/sound-publisher.ts";
import { waitFor } from "../harness/wait-for.ts";

const run = promisify(execFile);

let dev: CanopyDev;
let chromium: TestChromium;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1, broadcaster: true });
  chromium = await launchChromium();
});

afterAll(async () => {
  await chromium?.close();
  await dev?.stop();
});

const edge = (): string => dev.edges[0] ?? "";
const hlsUrl = (broadcast: string): string => `${edge()}/hls/${broadcast}/index.m3u8`;
const flvUrl = (broadcast: string): string => `${edge()}/flv/${broadcast}.flv`;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Of low latency; classic HLS cannot come near it. */
const CLOSE_MS = 2_000;

/**
 * ffmpeg inserts the init segment again whenever a live playlist was reloaded, and then warns of its own doing; it
 * does so with the live playlists that ffmpeg itself writes, too.
 */
const OWN_WARNING = /Found duplicated MOOV Atom/;

function warnings(stderr: string): readonly string[] {
  return stderr.split("\n").filter((line) => line.trim() !== "" && !OWN_WARNING.test(line));
}

interface Packet {
  readonly codec_type: string;
  readonly pts_time: string;
  readonly dts_time: string;
  readonly flags: string;
}

/** Reads some seconds with ffmpeg's demuxer alone; fails on any warning. */
async function readPackets(url: string, seconds: number): Promise<readonly Packet[]> {
  const show = "packet=codec_type,pts_time,dts_time,flags";
  const args = [
    "-v",
    "warning",
    "-read_intervals",
    `%+${seconds}`,
    "-show_entries",
    show,
    "-of",
    "json",
    url,
  ];
  const { stdout, stderr } = await run("ffprobe", args, { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 });
  expect(warnings(stderr)).toEqual([]);
  return (JSON.parse(stdout) as { packets: Packet[] }).packets;
}

/** Times of one kind of packet, and that they are as a decoder wants them. */
function checkTimes(
  packets: readonly Packet[],
  kind: string,
): { first: number; last: number; count: number } {
  const own = packets.filter((packet) => packet.codec_type === kind);
  const decoding = own.map((packet) => Number(packet.dts_time));
  expect(decoding).toEqual([...decoding].sort((left, right) => left - right));
  expect(new Set(decoding).size).toBe(decoding.length);
  for (const { pts_time, dts_time } of own)
    expect(Number(pts_time)).toBeGreaterThanOrEqual(Number(dts_time) - 1e-6);
  const shown = own.map((packet) => Number(packet.pts_time)).sort((left, right) => left - right);
  return { first: shown[0] ?? Number.NaN, last: shown.at(-1) ?? Number.NaN, count: own.length };
}

async function showsPictures(page: MediaPage): Promise<void> {
  await waitFor("pictures", async () => (await page.takeShown()).length > 0, 60_000).catch(
    async (cause: unknown) => {
      throw new Error(`no picture: ${JSON.stringify(await page.state())}`, { cause });
    },
  );
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function watchAges(page: MediaPage, ms: number): Promise<readonly number[]> {
  await page.takeShown();
  await sleep(ms);
  const shown = await page.takeShown();
  const frames = shown.map(({ frame }) => frame);
  expect(frames).toEqual([...frames].sort((left, right) => left - right));
  return shown.map(({ captureMs, seenMs }) => seenMs - captureMs);
}

describe("LL-HLS in Chromium with hls.js", () => {
  it("paints pictures, lets sound out, and stays close behind the live edge", async () => {
    const page = await openMediaPage(chromium, { kind: "hls", url: hlsUrl("live/demo") });
    await showsPictures(page);
    // A player that stalled while it began is behind, and catches up by a tenth.
    let ages: readonly number[] = [];
    const isClose = async (): Promise<boolean> => {
      ages = await watchAges(page, 6_000);
      return percentile(ages, 0.5) < CLOSE_MS;
    };
    await waitFor(() => `${CLOSE_MS} ms: ${percentile(ages, 0.5)}`, isClose, 60_000);
    const state = await page.state();
    console.log(
      `hls.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, p95 ${Math.round(percentile(ages, 0.95))} ms, ${ages.length} pictures, ${JSON.stringify(state)}`,
    );
    expect(ages.length).toBeGreaterThan(90);
    expect(state.loudness).toBeGreaterThan(0.001);
    expect(state.errors.filter((error) => error.startsWith("fatal"))).toEqual([]);
    const metrics = await scrapeMetrics(edge());
    expect(metrics.get('canopy_sessions{transport="hls"}')).toBe(1);
    expect(metrics.get('canopy_sent_bytes_total{transport="hls"}')).toBeGreaterThan(200_000);
    await page.close();
  });

  it("finds every timed message in SEI, in ID3 and as a date range, at its moment", async () => {
    const page = await openMediaPage(chromium, { kind: "hls", url: hlsUrl("live/demo") });
    await showsPictures(page);
    await sleep(2_000);
    const posted: PostedMessage[] = [];
    for (let index = 0; index < 40; index += 1) {
      const data = { index, text: 'quotes " and \u6b4c' };
      posted.push(await postTimed(dev.origin, "live/demo", { type: "cue", data, delayMs: index * 20 }));
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
    const page = await openMediaPage(chromium, { kind: "hls", url: hlsUrl("live/demo"), lowLatency: false });
    await showsPictures(page);
    await sleep(4_000);
    const ages = await watchAges(page, 6_000);
    console.log(`classic hls.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, ${ages.length} pictures`);
    expect(ages.length).toBeGreaterThan(90);
    expect((await page.state()).loudness).toBeGreaterThan(0.001);
    await page.close();
  });
});

describe("a publisher who comes back with another picture", () => {
  it.each(["hls", "flv"] as const)("is shown by %s without a reload", async (kind) => {
    const path = `live/back-${kind}`;
    const first = publishWithFfmpeg(makeClip(), `${dev.rtmp}/${path}`);
    const url = kind === "hls" ? hlsUrl(path) : flvUrl(path);
    await waitFor("the broadcast", async () => (await fetch(hlsUrl(path))).ok);
    const page = await openMediaPage(chromium, { kind, url });
    const widthOf = (): Promise<number> =>
      page.page.evaluate(() => document.querySelector("video")?.videoWidth ?? 0);
    await waitFor("the first picture", async () => (await widthOf()) === 640);
    await sleep(3_000);
    await first.stop();
    await sleep(2_000);
    await using _second = publishWithFfmpeg(makeClip({ size: "320x180" }), `${dev.rtmp}/${path}`);
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

describe("HTTP-FLV in Chromium with mpegts.js", () => {
  it("paints pictures and lets sound out", async () => {
    const page = await openMediaPage(chromium, { kind: "flv", url: flvUrl("live/demo") });
    await showsPictures(page);
    await sleep(3_000);
    const ages = await watchAges(page, 6_000);
    const state = await page.state();
    console.log(`mpegts.js: age p50 ${Math.round(percentile(ages, 0.5))} ms, ${JSON.stringify(state)}`);
    expect(ages.length).toBeGreaterThan(90);
    expect(state.loudness).toBeGreaterThan(0.001);
    expect(state.errors).toEqual([]);
    expect((await scrapeMetrics(edge())).get('canopy_sessions{transport="flv"}')).toBe(1);
    await page.close();
    await waitFor(
      "the session to end",
      async () => (await scrapeMetrics(edge())).get('canopy_sessions{transport="flv"}') === 0,
    );
  });
});

describe("readers that are no browsers", () => {
  it("ffmpeg reads HLS and FLV without a warning, sound and picture at the same times", async () => {
    // Encoded before: an encoder on a busy machine leaves pictures out.
    await using _publisher = publishWithFfmpeg(makeClip(), `${dev.rtmp}/live/clip`);
    await waitFor("the playlist", async () => (await fetch(hlsUrl("live/clip"))).ok);
    await sleep(4_000);
    for (const url of [hlsUrl("live/clip"), flvUrl("live/clip")]) {
      const packets = await readPackets(url, 6);
      const video = checkTimes(packets, "video");
      const audio = checkTimes(packets, "audio");
      expect(video.count).toBeGreaterThan(120);
      expect(audio.count).toBeGreaterThan(180);
      // Both streams span the same time: what is read last differs by a segment at most.
      expect(Math.abs(video.first - audio.first)).toBeLessThan(1.1);
      const rate = (video.count - 1) / (video.last - video.first);
      expect(rate).toBeGreaterThan(29);
      expect(rate).toBeLessThan(31);
    }
  });

  it("ffmpeg decodes pictures with B-frames in their order, every segment from a keyframe", async () => {
    const publisher = publishWithFfmpeg(makeClip({ bFrames: 2, keyframeInterval: 60 }), `${dev.rtmp}/live/b`);
    await using _stop = { [Symbol.asyncDispose]: async () => void (await publisher.stop()) };
    await waitFor("the playlist", async () => (await fetch(hlsUrl("live/b"))).ok);
    await sleep(5_000);
    for (const url of [hlsUrl("live/b"), flvUrl("live/b")]) {
      const packets = await readPackets(url, 6);
      const video = packets.filter(({ codec_type }) => codec_type === "video");
      checkTimes(packets, "video");
      checkTimes(packets, "audio");
      expect(video.some(({ pts_time, dts_time }) => pts_time !== dts_time)).toBe(true);
      expect(video[0]?.flags).toContain("K");
      const { stderr } = await run(
        "ffmpeg",
        ["-v", "warning", "-t", "4", "-i", url, "-map", "0:v", "-f", "null", "-"],
        { timeout: 60_000 },
      );
      expect(warnings(stderr)).toEqual([]);
    }
  });

  it("ffmpeg reads sound alone and pictures alone", async () => {
    for (const kind of ["audio", "video"]) {
      const clip = makeClip({ audio: kind === "audio", video: kind === "video" });
      await using publisher = publishWithFfmpeg(clip, `${dev.rtmp}/live/${kind}-alone`);
      await waitFor("the playlist", async () => (await fetch(hlsUrl(`live/${kind}-alone`))).ok);
      for (const url of [hlsUrl(`live/${kind}-alone`), flvUrl(`live/${kind}-alone`)]) {
        const packets = await readPackets(url, 4);
        expect(new Set(packets.map(({ codec_type }) => codec_type))).toEqual(new Set([kind]));
        const { count, first, last } = checkTimes(packets, kind);
        expect(count / (last - first)).toBeGreaterThan(kind === "audio" ? 46 : 29);
        expect(count / (last - first)).toBeLessThan(kind === "audio" ? 49 : 31.5);
      }
      await publisher.stop();
    }
  });

  it("ffmpeg decodes the AAC that the origin makes for a publisher who sends Opus", async () => {
    const startUs = Date.now() * 1_000 + 200_000;
    const silent = { durationUs: 20_000_000, video: [], audio: [] } as unknown as ClipFrames;
    await using _publisher = await SoundPublisher.connect({
      url: dev.origin,
      broadcast: "live/opus",
      rendition: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 },
      frames: withOpusTone(silent).audio.map(({ timestampUs, data }) => ({
        timestampUs: startUs + timestampUs,
        payload: Buffer.from(data, "base64"),
      })),
    });
    const master = await waitFor("the playlist", async () => {
      const response = await fetch(hlsUrl("live/opus"));
      return response.ok ? response.text() : undefined;
    });
    expect(master).toContain('CODECS="mp4a.40.2"');
    for (const url of [hlsUrl("live/opus"), flvUrl("live/opus")]) {
      const args = ["-v", "info", "-t", "3", "-i", url, "-af", "volumedetect", "-f", "null", "-"];
      const { stderr } = await run("ffmpeg", args, { timeout: 60_000 });
      expect(stderr).toMatch(/Audio: aac/);
      // The tone of ffmpeg's `sine` has a peak of -18 dB.
      expect(Number(/max_volume: (-?[\d.]+) dB/.exec(stderr)?.[1])).toBeGreaterThan(-30);
    }
  });

  it("video.js' m3u8-parser reads the playlists, and finds the messages as date ranges", async () => {
    const text = await (await fetch(hlsUrl("live/demo"))).text();
    const master = parse(text);
    const [variant] = master.playlists ?? [];
    expect(variant?.attributes).toMatchObject({ RESOLUTION: { width: 1280, height: 720 } });
    expect(variant?.attributes.CODECS).toMatch(/^avc1\.[0-9a-f]{6},mp4a\.40\.2$/i);
    const url = new URL(variant?.uri ?? "", hlsUrl("live/demo")).href;
    await fetch(url);
    await sleep(4_000);
    const posted = await postTimed(dev.origin, "live/demo", { type: "cue", data: "found by another parser" });
    const media = await waitFor("the date range", async () => {
      const parsed = parse(await (await fetch(url)).text());
      return (parsed.dateRanges ?? []).some(({ id }) => id === posted.id) ? parsed : undefined;
    });
    const range = media.dateRanges?.find(({ id }) => id === posted.id);
    expect(range?.class).toBe("com.canopy.timed");
    const json = Buffer.from(range?.xCanopyData ?? "", "base64").toString();
    expect(JSON.parse(json)).toMatchObject({ id: posted.id, at: posted.at, data: posted.data });
    expect(Math.abs((range?.startDate?.getTime() ?? 0) - posted.at / 1_000)).toBeLessThan(2);
    expect(media.endList).not.toBe(true);
    const segments = media.segments ?? [];
    expect(segments.length).toBeGreaterThanOrEqual(4);
    for (const [index, segment] of segments.entries()) {
      expect(Math.round(segment.duration)).toBeLessThanOrEqual(media.targetDuration ?? 0);
      const next = segments[index + 1];
      if (next === undefined || next.dateTimeObject === undefined) continue;
      const step = next.dateTimeObject.getTime() - (segment.dateTimeObject?.getTime() ?? 0);
      expect(Math.abs(step - segment.duration * 1_000)).toBeLessThan(2);
    }
    expect(media.serverControl).toMatchObject({ canBlockReload: true });
    expect(media.preloadSegment).toBeDefined();
    expect(media.renditionReports?.length).toBe(1);
  });
});

interface ParsedSegment {
  readonly duration: number;
  readonly dateTimeObject?: Date;
}

/** What of m3u8-parser's manifest is looked at. */
interface Manifest {
  readonly playlists?: readonly { readonly uri: string; readonly attributes: Record<string, unknown> }[];
  readonly segments?: readonly ParsedSegment[];
  readonly targetDuration?: number;
  readonly endList?: boolean;
  readonly serverControl?: object;
  readonly preloadSegment?: object;
  readonly renditionReports?: readonly object[];
  readonly dateRanges?: readonly {
    readonly id: string;
    readonly class?: string;
    readonly startDate?: Date;
    readonly xCanopyData?: string;
  }[];
}

function parse(text: string): Manifest {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest as Manifest;
}
