import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeHex } from "@canopy/media/catalog";
import { EncodedPacketSink, FilePathSource, Input, MP4 } from "mediabunny";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Program } from "../program/choose-program.ts";
import { buildMp4 } from "./build-mp4.ts";
import { RecordingFolder } from "./recording-folder.ts";
import type { SegmentBatch } from "./segment-batch.ts";
import { EMPTY_START, Segmenter } from "./segmenter.ts";

const SETS = "000000016742c01fda014016e9a808080a000003000200000300791e3065400000000168ce3c80";
const KEYFRAME = decodeHex(`${SETS}0000000165aabb`);
const FRAME = decodeHex("0000000141aabb");
const START_US = 1_700_000_000_000_000;
const FRAME_US = 40_000;
const SOUND_US = 21_333;

const PROGRAM: Program = {
  video: {
    track: "video",
    codec: "avc1",
    rendition: { codec: "avc1.42c01f", framerate: 25 },
    bFrames: false,
  },
  audio: {
    track: "audio",
    codec: "mp4a",
    rendition: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2 },
    config: Uint8Array.of(0x11, 0x90),
  },
  timedTrack: undefined,
  unsupported: [],
};

interface ReadTrack {
  readonly times: number[];
  readonly keyframes: number;
}

async function readBack(path: string): Promise<Record<string, ReadTrack>> {
  using input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  const tracks: Record<string, ReadTrack> = {};
  for (const track of await input.getTracks()) {
    const times: number[] = [];
    let keyframes = 0;
    for await (const packet of new EncodedPacketSink(track).packets()) {
      times.push(packet.timestamp);
      if (packet.type === "key") keyframes += 1;
    }
    tracks[track.type] = { times, keyframes };
  }
  return tracks;
}

describe("buildMp4", () => {
  let path: string;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "canopy-mp4-"));
  });

  afterEach(() => rmSync(path, { recursive: true, force: true }));

  async function record(program: Program, feed: (segmenter: Segmenter) => void): Promise<RecordingFolder> {
    const folder = await RecordingFolder.create(path, { id: "01J", broadcast: "live/a", createdMs: 0 });
    const batches: SegmentBatch[] = [];
    const segmenter = new Segmenter({ targetUs: 2_000_000, maxBytes: 1e6 }, EMPTY_START(), (batch) =>
      batches.push(batch),
    );
    segmenter.onProgram(program);
    feed(segmenter);
    segmenter.finishStretch();
    for (const batch of batches) await folder.write(batch);
    await folder.end();
    return folder;
  }

  it("puts all frames of all stretches into one file, with its index in front", async () => {
    const folder = await record(PROGRAM, (segmenter) => {
      for (const fromUs of [START_US, START_US + 60_000_000]) {
        let soundUs = 0;
        for (let us = 0; us < 5_000_000; us += FRAME_US) {
          segmenter.onVideo(fromUs + us, us % 1_000_000 === 0 ? KEYFRAME : FRAME, us % 1_000_000 === 0);
          for (; soundUs < us; soundUs += SOUND_US) segmenter.onAudio(fromUs + soundUs, Uint8Array.of(1, 2));
        }
      }
    });
    const file = join(path, "video.mp4");
    await buildMp4(path, folder.contents, file);
    const bytes = readFileSync(file).toString("latin1");
    expect(bytes.indexOf("moov")).toBeLessThan(bytes.indexOf("mdat"));
    const { video, audio } = await readBack(file);
    expect(video?.times).toHaveLength(250);
    expect(video?.keyframes).toBe(10);
    expect(video?.times[0]).toBe(0);
    expect(video?.times.at(-1)).toBeCloseTo(9.96, 2);
    expect(audio?.times.length).toBeGreaterThan(460);
    expect(audio?.times[0]).toBe(0);
    // The second stretch begins for both where the first one ends.
    expect(audio?.times.some((time) => Math.abs(time - 5) < 0.001)).toBe(true);
  });

  it("goes on after a group with B-frames that was broken off", async () => {
    const program: Program = {
      ...PROGRAM,
      ...(PROGRAM.video && { video: { ...PROGRAM.video, bFrames: true } }),
    };
    const folder = await record(program, (segmenter) => {
      for (const fromUs of [START_US, START_US + 60_000_000]) {
        // I P B B P: the last one is shown after two that never came.
        for (const order of [0, 3, 1, 2, 6]) {
          segmenter.onVideo(fromUs + order * FRAME_US, order === 0 ? KEYFRAME : FRAME, order === 0);
          segmenter.onAudio(fromUs + order * FRAME_US, Uint8Array.of(1, 2));
        }
      }
    });
    const file = join(path, "video.mp4");
    await buildMp4(path, folder.contents, file);
    const { video } = await readBack(file);
    expect(video?.times).toHaveLength(10);
    const [first = [], second = []] = [video?.times.slice(0, 5), video?.times.slice(5)];
    expect(Math.min(...second)).toBeGreaterThan(Math.max(...first));
  });

  it("makes a file of sound alone", async () => {
    const folder = await record({ ...PROGRAM, video: undefined }, (segmenter) => {
      for (let us = 0; us < 5_000_000; us += SOUND_US) segmenter.onAudio(START_US + us, Uint8Array.of(1, 2));
    });
    const file = join(path, "video.mp4");
    await buildMp4(path, folder.contents, file);
    const tracks = await readBack(file);
    expect(Object.keys(tracks)).toEqual(["audio"]);
    expect(tracks.audio?.times).toHaveLength(235);
  });

  it("does not wait in memory for sound that comes late or ends early", async () => {
    const folder = await record(PROGRAM, (segmenter) => {
      for (let us = 0; us < 60_000_000; us += FRAME_US) {
        segmenter.onVideo(START_US + us, us % 1_000_000 === 0 ? KEYFRAME : FRAME, us % 1_000_000 === 0);
        if (us > 30_000_000 && us < 40_000_000) segmenter.onAudio(START_US + us, Uint8Array.of(1, 2));
      }
    });
    const file = join(path, "video.mp4");
    await buildMp4(path, folder.contents, file);
    const { video, audio } = await readBack(file);
    expect(video?.times).toHaveLength(1_500);
    expect(audio?.times[0]).toBeCloseTo(30.04, 2);
  });
});
