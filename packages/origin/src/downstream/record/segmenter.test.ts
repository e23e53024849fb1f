import { decodeHex } from "@canopy/media/catalog";
import { readAvcParameterSets } from "@canopy/media/h264";
import { encodeOpusHead } from "@canopy/media/opus";
import { describe, expect, it } from "vitest";
import type { Program } from "../program/choose-program.ts";
import type { RecordedSegment, SegmentBatch } from "./segment-batch.ts";
import { EMPTY_START, Segmenter } from "./segmenter.ts";

// What libx264 makes for 1280 x 720, constrained baseline, level 3.1; and another PPS for the same pictures.
const SETS = "000000016742c01fda014016e9a808080a000003000200000300791e3065400000000168ce3c80";
const OTHER_SETS = "000000016742c01fda014016e9a808080a000003000200000300791e3065400000000168ce0fc8";
const KEYFRAME = decodeHex(`${SETS}0000000165aabb`);
const OTHER_KEYFRAME = decodeHex(`${OTHER_SETS}0000000165aabb`);
const FRAME = decodeHex("0000000141aabb");
const SOUND = Uint8Array.of(1, 2, 3);

const OPUS = { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 };
const PROGRAM: Program = {
  video: {
    track: "video",
    codec: "avc1",
    rendition: { codec: "avc1.42c01f", framerate: 25 },
    bFrames: false,
  },
  audio: { track: "audio", codec: "Opus", rendition: OPUS, config: encodeOpusHead({ channels: 2 }) },
  timedTrack: "timed",
  unsupported: [],
};
const START_US = 1_700_000_000_000_000;
const FRAME_US = 40_000;
const SOUND_US = 20_000;

class Recorder {
  readonly batches: SegmentBatch[] = [];
  readonly segmenter = new Segmenter({ targetUs: 2_000_000, maxBytes: 1e6 }, EMPTY_START(), (batch) =>
    this.batches.push(batch),
  );

  constructor(program: Program = PROGRAM) {
    this.segmenter.onProgram(program);
  }

  /** A second of media, with a keyframe at its start. */
  second(fromUs: number, options: { keyframe?: Uint8Array; video?: boolean; audio?: boolean } = {}): void {
    for (let us = 0; us < 1_000_000; us += SOUND_US) {
      if (options.video !== false && us % FRAME_US === 0) {
        this.segmenter.onVideo(fromUs + us, us === 0 ? (options.keyframe ?? KEYFRAME) : FRAME, us === 0);
      }
      if (options.audio !== false) this.segmenter.onAudio(fromUs + us, SOUND);
    }
  }

  segments(track: "video" | "audio"): RecordedSegment[] {
    return this.batches.flatMap(({ segments }) => segments).filter((segment) => segment.track === track);
  }
}

function spans(segments: readonly RecordedSegment[]): [number, number][] {
  return segments.map(({ startUs, durationUs }) => [startUs, startUs + durationUs]);
}

describe("Segmenter", () => {
  it("can read the parameter sets of its own tests", () => {
    expect(readAvcParameterSets(KEYFRAME)).toBeDefined();
  });

  it("cuts sound and picture at the first keyframe after the target, without a gap", () => {
    const recorder = new Recorder();
    for (let second = 0; second < 5; second += 1) recorder.second(START_US + second * 1_000_000);
    recorder.segmenter.finishStretch();
    expect(spans(recorder.segments("video"))).toEqual([
      [0, 2_000_000],
      [2_000_000, 4_000_000],
      [4_000_000, 5_000_000],
    ]);
    const audio = spans(recorder.segments("audio"));
    for (let index = 1; index < audio.length; index += 1)
      expect(audio[index]?.[0]).toBe(audio[index - 1]?.[1]);
    expect(audio.at(-1)?.[1]).toBe(5_000_000);
    expect(recorder.batches.flatMap(({ inits }) => inits)).toHaveLength(2);
    expect(recorder.segments("video").every(({ discontinuity }) => !discontinuity)).toBe(true);
  });

  it("begins with a keyframe, and drops the sound before it", () => {
    const recorder = new Recorder();
    recorder.segmenter.onVideo(START_US - 80_000, FRAME, false);
    recorder.segmenter.onAudio(START_US - 60_000, SOUND);
    recorder.second(START_US);
    recorder.segmenter.finishStretch();
    expect(recorder.segments("video")[0]).toMatchObject({ startUs: 0, mediaUs: START_US });
    expect(recorder.segments("audio")[0]).toMatchObject({ startUs: 0, mediaUs: START_US });
  });

  it("closes up the gap of a publisher that was away, in both tracks alike", () => {
    const recorder = new Recorder();
    recorder.second(START_US);
    recorder.second(START_US + 61_000_000);
    recorder.segmenter.finishStretch();
    const [first, second] = recorder.segments("video");
    expect(first).toMatchObject({ startUs: 0, durationUs: 1_000_000, discontinuity: false });
    expect(second).toMatchObject({ startUs: 1_000_000, mediaUs: START_US + 61_000_000, discontinuity: true });
    expect(recorder.segments("audio")[1]).toMatchObject({ startUs: 1_000_000, discontinuity: true });
    // The decoders go on as they are.
    expect(recorder.batches.flatMap(({ inits }) => inits.map(({ track }) => track))).toEqual([
      "video",
      "audio",
    ]);
  });

  it("goes on with the pictures while the sound is away", () => {
    const recorder = new Recorder();
    recorder.second(START_US);
    for (let second = 1; second < 6; second += 1) {
      recorder.second(START_US + second * 1_000_000, { audio: false });
    }
    recorder.second(START_US + 6_000_000);
    recorder.segmenter.finishStretch();
    expect(recorder.segments("video").some(({ discontinuity }) => discontinuity)).toBe(false);
    expect(recorder.segmenter.recordedUs).toBe(7_000_000);
    expect(spans(recorder.segments("audio")).at(-1)?.[1]).toBe(7_000_000);
  });

  it("begins a new stretch for pictures in another format, without losing sound", () => {
    const recorder = new Recorder();
    recorder.second(START_US);
    recorder.second(START_US + 1_000_000, { keyframe: OTHER_KEYFRAME });
    recorder.segmenter.finishStretch();
    expect(spans(recorder.segments("video"))).toEqual([
      [0, 1_000_000],
      [1_000_000, 2_000_000],
    ]);
    expect(recorder.segments("video").map(({ init }) => init)).toEqual([1, 2]);
    expect(recorder.segments("audio").reduce((sum, { samples }) => sum + samples, 0)).toBe(100);
  });

  it("records sound alone", () => {
    const recorder = new Recorder({ ...PROGRAM, video: undefined });
    for (let second = 0; second < 5; second += 1) {
      recorder.second(START_US + second * 1_000_000, { video: false });
    }
    recorder.segmenter.finishStretch();
    expect(recorder.segments("audio").length).toBeGreaterThan(1);
    expect(recorder.segmenter.recordedUs).toBeGreaterThanOrEqual(5_000_000);
  });

  it("does not wait for pictures forever that the catalog names and nobody sends", () => {
    const recorder = new Recorder();
    for (let second = 0; second < 5; second += 1) {
      recorder.second(START_US + second * 1_000_000, { video: false });
    }
    recorder.segmenter.finishStretch();
    expect(recorder.segments("audio").reduce((sum, { samples }) => sum + samples, 0)).toBe(250);
  });

  it("gives each timed message its moment, once", () => {
    const recorder = new Recorder();
    const message = (id: string, at: number) => ({ v: 1, id, type: "cue", at, data: null }) as const;
    recorder.segmenter.onTimed(message("before", START_US - 5_000_000));
    recorder.segmenter.onTimed(message("later", START_US + 2_500_000));
    recorder.segmenter.onTimed(message("soon", START_US + 500_000));
    recorder.segmenter.onTimed(message("soon", START_US + 500_000));
    recorder.segmenter.onTimed(message("away", START_US + 9_000_000));
    for (let second = 0; second < 3; second += 1) recorder.second(START_US + second * 1_000_000);
    recorder.second(START_US + 60_000_000);
    recorder.segmenter.finishStretch();
    const events = recorder.batches.flatMap(({ events: batch }) => batch);
    expect(events.map(({ message: { id }, offsetUs }) => [id, offsetUs])).toEqual([
      ["soon", 500_000],
      ["later", 2_500_000],
      ["away", 3_000_000],
    ]);
  });

  it("goes on behind what an earlier process has written", () => {
    const batches: SegmentBatch[] = [];
    const start = {
      baseUs: 8_000_000,
      positions: {
        video: { inits: 2, segments: 4, lastInit: Uint8Array.of(1) },
        audio: { inits: 1, segments: 4, lastInit: undefined },
      },
      events: [],
    };
    const segmenter = new Segmenter({ targetUs: 2_000_000, maxBytes: 1e6 }, start, (batch) =>
      batches.push(batch),
    );
    segmenter.onProgram(PROGRAM);
    segmenter.onVideo(START_US, KEYFRAME, true);
    segmenter.finishStretch();
    expect(batches[0]?.segments[0]).toMatchObject({
      number: 5,
      init: 3,
      startUs: 8_000_000,
      discontinuity: true,
    });
  });

  it("cuts without a keyframe before a group takes too much memory", () => {
    const batches: SegmentBatch[] = [];
    const segmenter = new Segmenter({ targetUs: 2_000_000, maxBytes: 10_000 }, EMPTY_START(), (batch) =>
      batches.push(batch),
    );
    segmenter.onProgram(PROGRAM);
    const large = new Uint8Array(4_000).fill(7);
    large.set([0, 0, 0, 1, 0x41]);
    segmenter.onVideo(START_US, KEYFRAME, true);
    for (let index = 1; index < 20; index += 1) segmenter.onVideo(START_US + index * FRAME_US, large, false);
    expect(batches.length).toBeGreaterThan(3);
    for (const { segments } of batches) {
      for (const { bytes } of segments) expect(bytes.byteLength).toBeLessThan(15_000);
    }
  });
});
