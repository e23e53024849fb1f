import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { measureSync } from "../harness/measure-sync.ts";
import { TestOrigin } from "../harness/origin.ts";
import { type PostedMessage, postTimed } from "../harness/post-timed.ts";
import { decodeErrors, probe } from "../harness/probe-media.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

interface RecordingAnswer {
  readonly id: string;
  readonly broadcast: string;
  readonly state: string;
  readonly durationSeconds: number;
  readonly events: number;
  readonly bytes: number;
  readonly video?: string;
  readonly error?: { readonly code: string };
}

interface Timeline {
  readonly durationSeconds: number;
  readonly complete: boolean;
  readonly events: readonly {
    readonly offsetSeconds: number;
    readonly mediaTimeUs: number;
    readonly message: { readonly id: string };
  }[];
}

const clip = () => makeClip({ bFrames: 2, seconds: 40 });
const soundClip = () => makeClip({ video: false });
/** Fills a small disk soon. */
const largeClip = () => makeClip({ bitrateKbps: 3_000 });

// Making them stops this process, which the origins are in.
beforeAll(() => {
  for (const make of [clip, soundClip, largeClip]) make();
});

async function start(origin: TestOrigin, broadcast: string): Promise<string> {
  const response = await fetch(`${origin.api}/v1/recordings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ broadcast }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

async function look(origin: TestOrigin, id: string): Promise<RecordingAnswer> {
  return (await (await fetch(`${origin.api}/v1/recordings/${id}`)).json()) as RecordingAnswer;
}

async function stop(origin: TestOrigin, id: string): Promise<RecordingAnswer> {
  expect((await fetch(`${origin.api}/v1/recordings/${id}`, { method: "DELETE" })).status).toBe(202);
  return waitFor("the recording to be finished", async () => {
    const recording = await look(origin, id);
    return (recording.state === "ready" || recording.state === "failed") && recording;
  });
}

function untilSeconds(origin: TestOrigin, id: string, seconds: number): Promise<RecordingAnswer> {
  return waitFor(`${seconds} s of recording`, async () => {
    const recording = await look(origin, id);
    return recording.durationSeconds >= seconds && recording;
  });
}

async function timelineOf(origin: TestOrigin, id: string): Promise<Timeline> {
  return (await (await fetch(`${origin.api}/recordings/${id}/timeline.json`)).json()) as Timeline;
}

/** A file or playlist that plays from end to end, with sound and picture of the same length. */
async function expectPlayable(input: string, seconds: number): Promise<void> {
  const { codecs, durationSeconds, packets } = await probe(input);
  expect(codecs).toEqual({ video: "h264", audio: "aac" });
  expect(Math.abs(durationSeconds - seconds)).toBeLessThan(0.5);
  for (const kind of ["video", "audio"] as const) {
    const times = packets.filter((packet) => packet.kind === kind).map(({ dts }) => dts);
    expect(times.length).toBeGreaterThan(seconds * 20);
    for (let index = 1; index < times.length; index += 1) {
      expect(times[index]).toBeGreaterThan(times[index - 1] ?? 0);
    }
    expect(Math.abs((times.at(-1) ?? 0) - seconds)).toBeLessThan(0.5);
  }
  expect(await decodeErrors(input)).toBe("");
  // Seeking lands on a keyframe and decodes from there. (ffmpeg 5.1 loses the init of fragmented MP4 when it seeks in a
  // playlist, also in its own; hls.js seeks there in the test of the replay page.)
  if (input.endsWith(".mp4")) expect(await decodeErrors(input, ["-ss", String(seconds / 2)])).toBe("");
}

describe.concurrent("recording", () => {
  let folder: string;
  let origin: TestOrigin;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "canopy-recordings-"));
    origin = await TestOrigin.start({ recordings: { folder, segmentMs: 1_000, lingerMs: 20_000 } });
  });

  afterAll(async () => {
    await origin?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it("plays while it runs and afterwards, through a publisher's restart, with its events in place", async () => {
    const id = await start(origin, "live/a");
    expect((await look(origin, id)).state).toBe("waiting");
    const posted: PostedMessage[] = [];
    const first = publishWithFfmpeg(clip(), `${origin.rtmp}/live/a`);
    await untilSeconds(origin, id, 1.5);
    posted.push(await postTimed(origin.api, "live/a", { type: "cue", data: 1, delayMs: 500 }));
    await untilSeconds(origin, id, 4);
    const running = await (await fetch(`${origin.api}/recordings/${id}/video.m3u8`)).text();
    expect(running).toContain("#EXT-X-PLAYLIST-TYPE:EVENT");
    expect(running).not.toContain("ENDLIST");
    await first.stop();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await using _ = publishWithFfmpeg(clip(), `${origin.rtmp}/live/a`);
    const before = (await look(origin, id)).durationSeconds;
    await untilSeconds(origin, id, before + 1.5);
    posted.push(await postTimed(origin.api, "live/a", { type: "cue", data: 2, delayMs: 500 }));
    await untilSeconds(origin, id, before + 4);

    const ready = await stop(origin, id);
    expect(ready).toMatchObject({ state: "ready", events: 2, video: `/recordings/${id}/video.mp4` });
    const playlist = await (await fetch(`${origin.api}/recordings/${id}/video.m3u8`)).text();
    expect(playlist).toContain("#EXT-X-PLAYLIST-TYPE:VOD");
    expect(playlist.match(/#EXT-X-DISCONTINUITY\n/g)).toHaveLength(1);
    await expectPlayable(`${origin.api}/recordings/${id}/video.mp4`, ready.durationSeconds);
    await expectPlayable(`${origin.api}/recordings/${id}/index.m3u8`, ready.durationSeconds);

    // In both stretches.
    const sync = await measureSync(`${origin.api}/recordings/${id}/video.mp4`, clip());
    expect(sync.pictures).toBeGreaterThan(ready.durationSeconds * 20);
    expect(sync.worstMs).toBeLessThan(20);

    const timeline = await timelineOf(origin, id);
    expect(timeline).toMatchObject({ complete: true, durationSeconds: ready.durationSeconds });
    expect(timeline.events.map(({ message }) => message.id)).toEqual(posted.map(({ id: wanted }) => wanted));
    // The pictures carry the same messages as SEI: where they are in the file is where the timeline says.
    const seen = seiTimes(join(folder, id, "video.mp4"), timeline);
    for (const { offsetSeconds, message } of timeline.events) {
      expect(Math.abs((seen.get(message.id) ?? -9) - offsetSeconds)).toBeLessThan(0.07);
    }
    // The index is in front.
    const head = Buffer.from(
      await (
        await fetch(`${origin.api}/recordings/${id}/video.mp4`, { headers: { range: "bytes=0-63" } })
      ).arrayBuffer(),
    );
    expect(head).toHaveLength(64);
    expect(head.toString("latin1")).toMatch(/ftyp[\s\S]*moov/);
    expect(await metric(origin.api, 'canopy_recordings{kind="ready"}')).toBeGreaterThan(0);
  });

  it("records sound alone", async () => {
    const id = await start(origin, "live/sound");
    await using _ = publishWithFfmpeg(soundClip(), `${origin.rtmp}/live/sound`);
    await untilSeconds(origin, id, 3);
    const ready = await stop(origin, id);
    expect(ready.state).toBe("ready");
    for (const name of ["index.m3u8", "video.mp4"]) {
      const file = `${origin.api}/recordings/${id}/${name}`;
      expect((await probe(file)).codecs).toEqual({ audio: "aac" });
      expect(await decodeErrors(file)).toBe("");
    }
  });

  // It needs one that is ready.
  it.sequential("gives out no other file, and answers absurd ranges", async () => {
    const id = await start(origin, "live/nothing");
    for (const path of [
      `${id}/../../etc/passwd`,
      `${id}/..%2f..%2fetc%2fpasswd`,
      `..%2f${id}/index.m3u8`,
      `${id}/journal.jsonl`,
      `${id}/video-init-1.mp4%00`,
      `${id}/video-${"9".repeat(300)}.m4s`,
      "%2e%2e/index.m3u8",
    ]) {
      const response = await fetch(`${origin.api}/recordings/${path}`);
      expect([400, 404, 414]).toContain(response.status);
      expect(await response.text()).not.toContain("root:");
    }
    const [kept] = (
      (await (await fetch(`${origin.api}/v1/recordings`)).json()) as { recordings: RecordingAnswer[] }
    ).recordings.filter(({ state }) => state === "ready");
    for (const range of [
      "bytes=99999999999-",
      "bytes=5-1",
      "bytes=-0",
      "bytes=x",
      `bytes=${"0-1,".repeat(500)}`,
    ]) {
      const response = await fetch(`${origin.api}/recordings/${kept?.id}/video.mp4`, { headers: { range } });
      expect([200, 206, 416]).toContain(response.status);
      await response.body?.cancel();
    }
    expect((await fetch(`${origin.api}/v1/recordings/${id}?purge=true`, { method: "DELETE" })).status).toBe(
      204,
    );
    expect((await fetch(`${origin.api}/v1/recordings/${id}`)).status).toBe(404);
    expect(readdirSync(folder)).not.toContain(id);
  });

  it.sequential("refuses to record twice, and paths that are none", async () => {
    const id = await start(origin, "live/twice");
    const again = (broadcast: unknown) =>
      fetch(`${origin.api}/v1/recordings`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ broadcast }),
      });
    expect((await again("live/twice")).status).toBe(409);
    expect((await again("live/../x")).status).toBe(400);
    expect((await again(7)).status).toBe(400);
    expect((await again("x".repeat(5_000))).status).toBe(400);
    await fetch(`${origin.api}/v1/recordings/${id}?purge=true`, { method: "DELETE" });
  });
});

/** When the pictures that first carry each message are shown, s, as ffprobe reads the file. */
function seiTimes(file: string, timeline: Timeline): Map<string, number> {
  const bytes = execFileSync("cat", [file], { maxBuffer: 1024 * 1024 * 1024 });
  const args = [
    "-v",
    "error",
    "-select_streams",
    "v",
    "-show_entries",
    "packet=pts_time,pos,size",
    "-of",
    "csv=p=0",
    file,
  ];
  const packets = execFileSync("ffprobe", args).toString("utf8").trim().split("\n");
  const found = new Map<string, number>();
  for (const line of packets) {
    const [pts = "", size = "", pos = ""] = line.split(",");
    const packet = bytes.subarray(Number(pos), Number(pos) + Number(size)).toString("latin1");
    for (const { message } of timeline.events) {
      if (!packet.includes(message.id)) continue;
      found.set(message.id, Math.min(found.get(message.id) ?? Number.POSITIVE_INFINITY, Number(pts)));
    }
  }
  return found;
}

describe.concurrent("recording on a full disk", () => {
  it("says so, goes on when there is room again, and stays playable", async () => {
    // A real file system of 6 MB, which root can make in memory.
    const folder = mkdtempSync(join(tmpdir(), "canopy-small-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", folder]);
    try {
      await using origin = await TestOrigin.start({ recordings: { folder, segmentMs: 1_000 } });
      writeFileSync(join(folder, "ballast"), Buffer.alloc(5 * 1024 * 1024));
      const id = await start(origin, "live/a");
      await using _ = publishWithFfmpeg(largeClip(), `${origin.rtmp}/live/a`);
      const full = await waitFor("the disk to be full", async () => {
        const recording = await look(origin, id);
        return recording.error !== undefined && recording;
      });
      expect(full).toMatchObject({ state: "recording", error: { code: "storage-full" } });
      expect(
        await metric(origin.api, 'canopy_recording_lost_segments_total{reason="disk-full"}'),
      ).toBeGreaterThan(0);
      rmSync(join(folder, "ballast"));
      await untilSeconds(origin, id, full.durationSeconds + 3);
      const ended = await stop(origin, id);
      expect(ended.state).toBe("ready");
      expect(await decodeErrors(`${origin.api}/recordings/${id}/index.m3u8`)).toBe("");
    } finally {
      execFileSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
