import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Parser } from "m3u8-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClipFrames } from "../browser/player/clip-frames.ts";
import { withOpusTone } from "../browser/whep/make-opus-frames.ts";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { comparePackets, type HashedPacket } from "../harness/measure-sync.ts";
import { postTimed } from "../harness/post-timed.ts";
import { SoundPublisher } from "../harness/sound-publisher.ts";
import { waitFor } from "../harness/wait-for.ts";

const run = promisify(execFile);

let dev: CanopyDev;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1 });
});

afterAll(async () => {
  await dev?.stop();
});

const edge = (): string => dev.edges[0] ?? "";
const hlsUrl = (broadcast: string): string => `${edge()}/hls/${broadcast}/index.m3u8`;
const flvUrl = (broadcast: string): string => `${edge()}/flv/${broadcast}.flv`;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * ffmpeg inserts the init segment again whenever a live playlist was reloaded, and then warns of its own doing; it
 * does so with the live playlists that ffmpeg itself writes, too.
 */
const OWN_WARNING = /Found duplicated MOOV Atom/;

function warnings(stderr: string): readonly string[] {
  return stderr.split("\n").filter((line) => line.trim() !== "" && !OWN_WARNING.test(line));
}

interface Packet extends HashedPacket {
  readonly dts_time: string;
  readonly flags: string;
}

/** Reads some seconds with ffmpeg's demuxer alone; fails on any warning. */
async function readPackets(url: string, seconds: number): Promise<readonly Packet[]> {
  const show = "packet=codec_type,pts_time,dts_time,flags,data_hash";
  const args = ["-v", "warning", "-read_intervals", `%+${seconds}`, "-show_data_hash", "md5"];
  args.push("-show_entries", show, "-of", "json", url);
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

// Each reads a broadcast of its own.
describe.concurrent("readers that are no browsers", () => {
  it("ffmpeg reads HLS and FLV without a warning, sound and picture at the same times", async () => {
    // Encoded before: an encoder on a busy machine leaves pictures out.
    await using _publisher = publishWithFfmpeg(makeClip(), `${dev.rtmp}/live/clip`);
    await waitFor("the playlist", async () => (await fetch(hlsUrl("live/clip"))).ok);
    // In its first seconds a publisher's clock is being found, and media times are drawn towards it.
    await sleep(4_000);
    for (const url of [hlsUrl("live/clip"), flvUrl("live/clip")]) {
      const packets = await readPackets(url, 6);
      const video = checkTimes(packets, "video");
      const audio = checkTimes(packets, "audio");
      expect(video.count).toBeGreaterThan(120);
      expect(audio.count).toBeGreaterThan(180);
      const sync = await comparePackets(packets, makeClip());
      expect(sync.pictures).toBeGreaterThan(60);
      expect(sync.worstMs).toBeLessThan(20);
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
      // As above: while the clock is being found media times are drawn together, and the rate seems higher.
      await sleep(4_000);
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
    await using _publisher = publishWithFfmpeg(makeClip(), `${dev.rtmp}/live/parsed`);
    const text = await waitFor("the playlist", async () => {
      const response = await fetch(hlsUrl("live/parsed"));
      return response.ok ? response.text() : undefined;
    });
    const master = parse(text);
    const [variant] = master.playlists ?? [];
    expect(variant?.attributes).toMatchObject({ RESOLUTION: { width: 640, height: 360 } });
    expect(variant?.attributes.CODECS).toMatch(/^avc1\.[0-9a-f]{6},mp4a\.40\.2$/i);
    const url = new URL(variant?.uri ?? "", hlsUrl("live/parsed")).href;
    await fetch(url);
    await sleep(4_000);
    const posted = await postTimed(dev.origin, "live/parsed", {
      type: "cue",
      data: "found by another parser",
    });
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
