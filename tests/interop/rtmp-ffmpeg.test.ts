import { createHash } from "node:crypto";
import { annexBToAvcc, isKeyframe, splitAnnexB } from "@canopy/media/h264";
import { decodeTimedMessage, readTimedMessages } from "@canopy/media/timed";
import { beforeAll, describe, expect, it } from "vitest";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { type ClipOptions, makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { comparePackets, type HashedPacket } from "../harness/measure-sync.ts";
import type { RecordedFrame } from "../harness/record-track.ts";
import { RtmpOrigin } from "../harness/rtmp-origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/demo";
const CLIPS: Readonly<Record<string, ClipOptions>> = {
  fps24: { fps: 24 },
  fps30: {},
  fps60: { fps: 60 },
  bFrames: { bFrames: 3 },
  pictures: { audio: false },
  sound: { video: false },
  small: { size: "320x180" },
};

/** In its first seconds a publisher's clock is being found, and media times are drawn towards it. */
const CLOCK_FOUND_MS = 4_000;

// Making them stops this process, which all the origins are in: what comes meanwhile would be late.
beforeAll(() => {
  for (const clip of Object.values(CLIPS)) makeClip(clip);
});

function publish(origin: RtmpOrigin, clip: ClipOptions, key = PATH): StartedProcess {
  return origin.own(publishWithFfmpeg(makeClip(clip), `${origin.url}/${key}`));
}

const untilClockIsFound = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, CLOCK_FOUND_MS));

/** Publishes until the wanted tracks have so many seconds of media, from when the clock is found on. */
async function recordSeconds(
  origin: RtmpOrigin,
  tracks: readonly string[],
  seconds: number,
): Promise<Record<string, RecordedFrame[]>> {
  await waitFor("the tracks", () => tracks.every((track) => origin.store.get(PATH)?.track(track)?.latest));
  await untilClockIsFound();
  const recorded = Object.fromEntries(tracks.map((track) => [track, origin.record(PATH, track)]));
  await waitFor(`${seconds} s of media`, () =>
    tracks.every((track) => spanSeconds(recorded[track] ?? []) >= seconds),
  );
  return recorded;
}

function spanSeconds(frames: readonly RecordedFrame[]): number {
  const [first] = frames;
  const last = frames.at(-1);
  return first === undefined || last === undefined ? 0 : (last.timestampUs - first.timestampUs) / 1e6;
}

/** What holds for every video track, with or without B-frames. */
function expectGoodVideo(frames: readonly RecordedFrame[], fps: number, maxAheadMs: number): void {
  expectGoodGroups(frames);
  expectGoodTimes(frames, fps, maxAheadMs);
}

function expectGoodGroups(frames: readonly RecordedFrame[]): void {
  const groups = new Map<number, RecordedFrame[]>();
  for (const frame of frames) groups.set(frame.group, [...(groups.get(frame.group) ?? []), frame]);
  const sequences = [...groups.keys()];
  expect(sequences).toEqual(sequences.map((_, index) => (sequences[0] ?? 0) + index));
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined || first.index !== 0) continue;
    expect(isKeyframe(first.payload)).toBe(true);
    const types = splitAnnexB(first.payload).map((nal) => (nal[0] ?? 0) & 31);
    expect(types.indexOf(7)).toBeLessThan(types.indexOf(5));
    expect(types.indexOf(8)).toBeLessThan(types.indexOf(5));
    expect(types).toContain(7);
    expect(types).toContain(8);
    for (const frame of group.slice(1)) expect(isKeyframe(frame.payload)).toBe(false);
  }
}

/** From when the clock is found on. */
function expectGoodTimes(frames: readonly RecordedFrame[], fps: number, maxAheadMs: number): void {
  const shown = frames.map((frame) => frame.timestampUs).sort((a, b) => a - b);
  // The last ones miss the B-frames between them that have not come yet.
  const settled = shown.slice(fps, -8);
  for (let index = 1; index < settled.length; index++) {
    const stepMs = ((settled[index] ?? 0) - (settled[index - 1] ?? 0)) / 1_000;
    expect(stepMs).toBeGreaterThan(500 / fps);
    expect(stepMs).toBeLessThan(1_700 / fps);
  }
  const agesMs = frames.slice(fps * 2).map((frame) => (frame.arrivalUs - frame.timestampUs) / 1_000);
  expect(Math.min(...agesMs)).toBeGreaterThan(-maxAheadMs);
  // Of most of them: when the machine pauses, pictures are late and their times are right.
  expect(median(agesMs)).toBeLessThan(500);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function expectGoodAudio(frames: readonly RecordedFrame[]): void {
  for (let index = 1; index < frames.length; index++) {
    const frame = frames[index];
    const previous = frames[index - 1];
    expect(frame?.timestampUs ?? 0).toBeGreaterThan(previous?.timestampUs ?? 0);
  }
  const whole = frames.filter((frame) => frame.index === 0).slice(1, -1);
  for (let index = 1; index < whole.length; index++) {
    const spanMs = ((whole[index]?.timestampUs ?? 0) - (whole[index - 1]?.timestampUs ?? 0)) / 1_000;
    expect(spanMs).toBeGreaterThan(480);
    expect(spanMs).toBeLessThan(560);
  }
}

/** As ffprobe names the packet in the clip, if nothing was put into it on its way. */
function hashedPacket(kind: "video" | "audio", { timestampUs, payload }: RecordedFrame): HashedPacket {
  const bytes = kind === "audio" ? payload : annexBToAvcc(payload);
  const data_hash = `MD5:${createHash("md5").update(bytes).digest("hex")}`;
  return { codec_type: kind, pts_time: String(timestampUs / 1e6), data_hash };
}

/** How far pictures have moved against their sound, ms. */
async function skewMs(video: readonly RecordedFrame[], audio: readonly RecordedFrame[], clip: string) {
  // A track is recorded from the start of its newest group: that of pictures is the longer one.
  const withSound = video.filter(({ timestampUs }) => timestampUs >= (audio[0]?.timestampUs ?? 0));
  const found = [
    ...withSound.map((frame) => hashedPacket("video", frame)),
    ...audio.map((frame) => hashedPacket("audio", frame)),
  ];
  const { pictures, worstMs } = await comparePackets(found, clip);
  // All but keyframes, which get parameter sets.
  expect(pictures).toBeGreaterThan(withSound.length * 0.9);
  return worstMs;
}

// Each at an origin of its own, and most of it waiting: beside each other.
describe.concurrent("RTMP publishing with ffmpeg", () => {
  for (const fps of [24, 30, 60]) {
    it(`takes ${fps} fps without B-frames: groups from keyframes, media time near now, A/V in sync`, async () => {
      await using origin = await RtmpOrigin.start();
      publish(origin, { fps });
      const { video = [], audio = [] } = await recordSeconds(origin, ["video", "audio"], 4);
      expectGoodVideo(video, fps, 20);
      expectGoodAudio(audio);
      // RTMP counts in ms, for each of them.
      expect(await skewMs(video, audio, makeClip({ fps }))).toBeLessThan(5);
      const catalog = origin.catalog(PATH);
      expect(catalog?.video?.renditions.video).toMatchObject({
        codec: expect.stringMatching(/^avc1\.42c0/),
        codedWidth: 640,
        codedHeight: 360,
        framerate: fps,
        optimizeForLatency: true,
      });
      expect(catalog?.video?.renditions.video?.description).toBeUndefined();
      expect(catalog?.audio?.renditions.audio).toMatchObject({
        codec: "mp4a.40.2",
        sampleRate: 48_000,
        numberOfChannels: 2,
        description: expect.stringMatching(/^1190/),
      });
      expect(catalog?.canopy).toEqual({ timed: { track: "timed" }, publisher: "rtmp", bFrames: false });
      expect(origin.ingest(PATH).warnings()).toEqual([]);
    });
  }

  it("takes B-frames, orders timestamps by decoding, and warns about them", async () => {
    await using origin = await RtmpOrigin.start();
    publish(origin, { bFrames: 3 });
    const { video = [], audio = [] } = await recordSeconds(origin, ["video", "audio"], 4);
    expectGoodVideo(video, 30, 200);
    expectGoodAudio(audio);
    const steps = video.slice(1).map((frame, index) => frame.timestampUs - (video[index]?.timestampUs ?? 0));
    expect(steps.some((step) => step < 0)).toBe(true);
    const catalog = origin.catalog(PATH);
    expect(catalog?.canopy?.bFrames).toBe(true);
    expect(catalog?.video?.renditions.video?.jitter).toBeGreaterThan(30);
    expect(origin.ingest(PATH).warnings()).toEqual([
      { code: "b-frames", message: expect.stringContaining("bframes=0") },
    ]);
  });

  it("takes video alone and sound alone", async () => {
    await using origin = await RtmpOrigin.start();
    publish(origin, { audio: false });
    const { video = [] } = await recordSeconds(origin, ["video"], 3);
    expectGoodVideo(video, 30, 20);
    expect(origin.catalog(PATH)?.audio).toBeUndefined();

    await using radio = await RtmpOrigin.start();
    publish(radio, { video: false });
    const { audio = [] } = await recordSeconds(radio, ["audio"], 3);
    expectGoodAudio(audio);
    expect(radio.catalog(PATH)?.video).toBeUndefined();
    const message = radio.ingest(PATH).post({ type: "lyric", data: "la" });
    const timed = radio.record(PATH, "timed");
    await waitFor("the message", () => timed[0]);
    expect(decodeTimedMessage(timed[0]?.payload ?? new Uint8Array())).toEqual(message);
  });

  it("puts a timed message into the first frame at or after its time and on the track before that", async () => {
    await using origin = await RtmpOrigin.start();
    publish(origin, {});
    await recordSeconds(origin, ["video"], 1);
    const video = origin.record(PATH, "video");
    const timed = origin.record(PATH, "timed");
    const message = origin.ingest(PATH).post({ type: "quiz", data: { q: 1 }, delayMs: 700 });
    await waitFor("the frames", () => video.some((frame) => frame.timestampUs > message.at + 300_000));
    const carriers = video.filter((frame) => readTimedMessages(frame.payload).length > 0);
    const due = video.filter((frame) => frame.timestampUs >= message.at);
    expect(carriers).toEqual(due.slice(0, 3));
    expect(readTimedMessages(carriers[0]?.payload ?? new Uint8Array())[0]?.message).toEqual(message);
    expect(timed).toHaveLength(1);
    expect(timed[0]?.timestampUs).toBe(message.at);
    expect(timed[0]?.arrivalUs ?? 0).toBeLessThan(message.at);
  });

  it("goes on with the same broadcast when the publisher comes back within the linger time", async () => {
    await using origin = await RtmpOrigin.start();
    const first = publish(origin, {});
    const { video = [], audio = [] } = await recordSeconds(origin, ["video", "audio"], 2);
    const broadcast = origin.store.get(PATH);
    await first.stop();
    await waitFor("the publisher to be gone", () => !origin.ingest(PATH).connected);
    expect(
      origin
        .ingest(PATH)
        .warnings()
        .map((warning) => warning.code),
    ).toContain("publisher-lost");
    const before = video.length;
    publish(origin, {});
    await waitFor("video after the restart", () => video.length > before);
    await untilClockIsFound();
    const found = video.length;
    await waitFor("video after its clock is found", () => video.length > found + 60);
    expect(origin.store.get(PATH)).toBe(broadcast);
    expect(origin.started).toEqual([PATH]);
    expect(origin.ended).toEqual([]);
    const restarted = video.slice(before);
    expectGoodGroups(restarted);
    expectGoodTimes(video.slice(found), 30, 20);
    expect(restarted[0]?.group).toBe((video[before - 1]?.group ?? 0) + 1);
    expect(restarted[0]?.timestampUs ?? 0).toBeGreaterThan(video[before - 1]?.timestampUs ?? 0);
    expectGoodAudio(audio.slice(-60));
  });

  it("ends the broadcast when the publisher stays away", async () => {
    await using origin = await RtmpOrigin.start({ ingest: { lingerMs: 1_000 } });
    const publisher = publish(origin, {});
    await recordSeconds(origin, ["video"], 1);
    await publisher.stop();
    await waitFor("the end", () => origin.store.get(PATH) === undefined);
    expect(origin.ended).toEqual([`${PATH} lost`]);
  });

  it("refuses a second publisher of the same path, who is told why", async () => {
    await using origin = await RtmpOrigin.start();
    publish(origin, {});
    const { video = [] } = await recordSeconds(origin, ["video"], 1);
    const second = publish(origin, { fps: 24 });
    expect(await second.exited).not.toBe(0);
    expect(second.output()).toContain("live/demo is being published already");
    const before = video.length;
    await waitFor("the first one to go on", () => video.length > before + 30);
  });

  it("lets a second publisher take over where that is configured, with a change of resolution", async () => {
    await using origin = await RtmpOrigin.start({ ingest: { publisherConflict: "takeover" } });
    const first = publish(origin, {});
    const { video = [] } = await recordSeconds(origin, ["video"], 2);
    const before = video.at(-1)?.group ?? 0;
    publish(origin, { size: "320x180" });
    expect(await first.exited).not.toBe(0);
    await waitFor("the new publisher", () => (video.at(-1)?.group ?? 0) > before + 2);
    expect(origin.catalog(PATH)?.video?.renditions.video).toMatchObject({
      codedWidth: 320,
      codedHeight: 180,
    });
    expect(origin.ended).toEqual([]);
  });

  it("lets only publishers with a good token in", async () => {
    await using origin = await RtmpOrigin.start({ tokens: ["good"] });
    const bad = publish(origin, {}, `${PATH}?jwt=bad`);
    expect(await bad.exited).not.toBe(0);
    expect(bad.output()).toContain("A valid token is needed");
    publish(origin, {}, `${PATH}?jwt=good`);
    await recordSeconds(origin, ["video"], 1);
  });

  it("tells a player that RTMP is for publishers only", async () => {
    await using origin = await RtmpOrigin.start();
    const player = origin.own(startProcess("ffmpeg", ["-i", `${origin.url}/${PATH}`, "-f", "null", "-"]));
    expect(await player.exited).not.toBe(0);
    await waitFor("the count", () => origin.rejected.get("play-unsupported") === 1);
  });

  it("holds a recording that is pushed without -re to real time, and says so", async () => {
    await using origin = await RtmpOrigin.start();
    const args = ["-hide_banner", "-loglevel", "warning", "-stream_loop", "-1", "-i", makeClip({})];
    const publish = [...args, "-c", "copy", "-f", "flv", `${origin.url}/${PATH}`];
    origin.own(startProcess("ffmpeg", publish));
    await recordSeconds(origin, ["video"], 4);
    const video = origin.record(PATH, "video");
    const startedMs = performance.now();
    await waitFor("three more seconds", () => performance.now() - startedMs > 3_000 && video.length > 0);
    // And what one piece of it, read at once after it was held, may be ahead by, and the group that was there.
    expect(video.length).toBeLessThan(((performance.now() - startedMs) / 1_000 + 2.5) * 30);
    expect(
      origin
        .ingest(PATH)
        .warnings()
        .map((warning) => warning.code),
    ).toContain("too-fast");
    const last = video.at(-1);
    expect(Math.abs((last?.arrivalUs ?? 0) - (last?.timestampUs ?? 0))).toBeLessThan(3_500_000);
  });
});
