import type { TimedMessage } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import type { PackagedAudio } from "../packaging/packaged-media.ts";
import { BASELINE_SPS, keyframe, MAIN_SPS, PICTURE } from "../packaging/pictures-suite.ts";
import { AudioSegmenter } from "./audio-segmenter.ts";
import { Era, type PartBoundary } from "./part-boundary.ts";
import type { PartPlan } from "./part-plan.ts";
import { SegmentWindow } from "./segment-window.ts";
import { TimedEvents } from "./timed-events.ts";
import { VideoSegmenter } from "./video-segmenter.ts";

const START_US = 1_795_709_114_470_657;
const FRAME_US = 33_333;
const AAC: PackagedAudio = {
  ...{ name: "audio", codec: "mp4a.40.2", form: "mp4a", config: Uint8Array.of(0x11, 0x90) },
  ...{ sampleRate: 48_000, channels: 2, samplesPerFrame: 1_024, bitrate: undefined },
};

function openWindow(plan: PartPlan): SegmentWindow {
  return new SegmentWindow(
    { id: "0123456789", firstSequence: 100, plan },
    { windowMs: 60_000, maxBytes: 10_000_000 },
    { onBytes: () => {}, onGrowth: () => {} },
  );
}

function setUp(options: { readonly withPictures?: boolean } = {}) {
  const era = new Era();
  const events = new TimedEvents();
  const boundaries: PartBoundary[] = [];
  const begun: number[] = [];
  const audio = new AudioSegmenter(AAC, {
    ...{ era, events, plan: undefined, onBegin: (first: number) => begun.push(first) },
    openWindow: (plan: PartPlan) => openWindow(video.window?.plan ?? plan),
    followsPictures: options.withPictures ?? true,
  });
  const video: VideoSegmenter = new VideoSegmenter(
    { bFrames: false, framerate: 30, jitterMs: undefined },
    {
      ...{ era, events, openWindow, carriesEvents: true, sequenceAt: () => undefined },
      onBoundary: (boundary) => {
        boundaries.push(boundary);
        audio.onBoundary(boundary);
      },
    },
  );
  return { era, events, boundaries, begun, audio, video };
}

/** Pictures from `from` on, a keyframe every 60. */
function show(video: VideoSegmenter, from: number, count: number, sps = BASELINE_SPS, interval = 60): void {
  for (let index = from; index < from + count; index += 1) {
    video.onFrame(START_US + index * FRAME_US, index % interval === 0 ? keyframe(sps) : PICTURE);
  }
}

/** Likewise, a keyframe every 63: segments end in a part of three pictures. */
const showUneven = (video: VideoSegmenter, from: number, count: number): void =>
  show(video, from, count, BASELINE_SPS, 63);

function sound(audio: AudioSegmenter, fromUs: number, toUs: number): void {
  const frameUs = (1_024 * 1e6) / 48_000;
  for (let us = fromUs; us < toUs; us += frameUs) audio.onFrame(Math.round(us), Uint8Array.of(1, 2));
}

const cue = (id: string, at: number): TimedMessage => ({ v: 1, id, type: "cue", at, data: null });
const holds = (bytes: Buffer | undefined, text: string): boolean => bytes?.includes(text) ?? false;

describe("VideoSegmenter", () => {
  it("makes a segment per group and equal parts whose durations add up exactly", () => {
    const { video } = setUp();
    show(video, 0, 181);
    const segments = video.window?.segments ?? [];
    expect(segments.map(({ sequence, isComplete }) => [sequence, isComplete])).toEqual([
      [100, true],
      [101, true],
      [102, true],
      [103, false],
    ]);
    for (const segment of segments.slice(0, 3)) {
      expect(segment.durationUs).toBe(60 * FRAME_US);
      expect(segment.parts.map(({ durationUs }) => durationUs)).toEqual(new Array(6).fill(10 * FRAME_US));
      expect(segment.parts.map(({ isIndependent }) => isIndependent)).toEqual([
        true,
        ...new Array(5).fill(false),
      ]);
    }
    expect(segments[1]?.startUs).toBe(START_US + 60 * FRAME_US);
    expect(video.window?.targetSeconds).toBe(2);
  });

  it("tells of a short last part with the first one of the next segment, of pictures and of sound", () => {
    const { video, audio } = setUp();
    const partsOf = ({ window }: { readonly window: SegmentWindow | undefined }) =>
      window?.segments.map(({ parts }) => parts.length);
    const seen = new Map<number, unknown>();
    const soundUs = (1_024 * 1e6) / 48_000;
    let soundAt = START_US;
    for (let index = 0; index < 140; index += 1) {
      for (; soundAt < START_US + index * FRAME_US + 500_000; soundAt += soundUs)
        sound(audio, soundAt, soundAt + 1);
      showUneven(video, index, 1);
      seen.set(index, [partsOf(video), partsOf(audio)]);
    }
    // Nobody knows of the first segment before it is complete.
    expect(seen.get(63)).toEqual(new Array(2).fill([7, 0]));
    expect([seen.get(123), seen.get(126), seen.get(135)]).toEqual(
      new Array(3).fill(new Array(2).fill([7, 6])),
    );
    expect(seen.get(136)).toEqual(new Array(2).fill([7, 7, 1]));
  });

  it("keeps back a short last part of sound that comes after the pictures, too", () => {
    const { video, audio } = setUp();
    showUneven(video, 0, 140);
    const parts = () => audio.window?.segments.map((segment) => segment.parts.length);
    sound(audio, START_US, START_US + 135 * FRAME_US);
    expect(parts()).toEqual([7, 6]);
    sound(audio, START_US + 135 * FRAME_US, START_US + 137 * FRAME_US);
    expect(parts()).toEqual([7, 7, 1]);
  });

  it("puts short groups together and cuts a group without end", () => {
    const { video } = setUp();
    for (let index = 0; index < 120; index += 1)
      video.onFrame(START_US + index * FRAME_US, index % 6 === 0 ? keyframe() : PICTURE);
    for (const { durationUs, isComplete } of video.window?.segments ?? [])
      if (isComplete) expect(durationUs).toBeGreaterThanOrEqual(900_000);
    const endless = setUp().video;
    for (let index = 0; index < 900; index += 1)
      endless.onFrame(START_US + index * FRAME_US, index === 0 ? keyframe() : PICTURE);
    const segments = endless.window?.segments ?? [];
    expect(segments.length).toBe(4);
    expect(segments[0]?.durationUs).toBeLessThan(9_000_000);
    expect(segments[1]?.parts[0]?.isIndependent).toBe(false);
  });

  it("begins a new era with other parameter sets, and after a gap", () => {
    const { video, era } = setUp();
    show(video, 0, 60);
    show(video, 60, 60, MAIN_SPS);
    show(video, 600, 1, MAIN_SPS);
    expect(video.window?.segments.map((segment) => [segment.era, segment.init])).toEqual([
      [0, 0],
      [1, 1],
      [2, 1],
    ]);
    expect(era.value).toBe(2);
    expect(video.window?.inits.size).toBe(2);
    // The last picture before the gap is shown for as long as any other.
    expect(video.window?.segments[1]?.durationUs).toBe(60 * FRAME_US);
  });

  it("puts each message into the part of its moment, late ones into the next, none twice", () => {
    const { video, events } = setUp();
    show(video, 0, 1);
    events.add(cue("first", START_US + 2 * FRAME_US));
    events.add(cue("second", START_US + 10 * FRAME_US));
    show(video, 1, 20);
    events.add(cue("late", START_US + FRAME_US));
    show(video, 21, 20);
    const parts = video.window?.segments[0]?.parts.map(({ bytes }) => bytes) ?? [];
    const placesOf = (id: string): number[] =>
      parts.flatMap((bytes, index) => (holds(bytes, `"id":"${id}"`) ? [index] : []));
    expect([placesOf("first"), placesOf("second"), placesOf("late")]).toEqual([[0], [1], [2]]);
  });
});

describe("AudioSegmenter", () => {
  it("cuts sound where the pictures are cut, with the same numbers", () => {
    const { video, audio, boundaries } = setUp();
    const soundUs = (1_024 * 1e6) / 48_000;
    // Sound is half a second ahead of the pictures.
    let soundAt = START_US - 5_000;
    for (let index = 0; index < 182; index += 1) {
      show(video, index, 1);
      for (; soundAt < START_US + index * FRAME_US + 500_000; soundAt += soundUs)
        sound(audio, soundAt, soundAt + 1);
    }
    const pictures = video.window?.segments ?? [];
    const sounds = audio.window?.segments ?? [];
    expect(sounds.map(({ sequence }) => sequence)).toEqual(pictures.map(({ sequence }) => sequence));
    for (const [index, segment] of sounds.entries()) {
      expect(segment.parts.length).toBe(pictures[index]?.parts.length);
      expect(Math.abs(segment.startUs - (pictures[index]?.startUs ?? 0))).toBeLessThan(11_500);
      for (const { durationUs } of segment.parts)
        expect(durationUs / 1e6).toBeLessThanOrEqual(audio.window?.plan.partTargetSeconds ?? 0);
    }
    expect(boundaries.length).toBe(3 * 6 + 1);
  });

  it("comes after the pictures as well as before them", () => {
    const { video, audio } = setUp();
    show(video, 0, 121);
    sound(audio, START_US, START_US + 4_100_000);
    expect(audio.window?.segments.map(({ sequence }) => sequence)).toEqual([100, 101, 102]);
    expect(audio.window?.segments[0]?.durationUs).toBeGreaterThan(1_900_000);
  });

  it.each([
    ["sound", "pictures"],
    ["pictures", "sound"],
  ])("breaks at the same segment as the pictures after a hole of both, when %s come first", (first) => {
    const { video, audio } = setUp();
    const play = (fromUs: number, toUs: number): void => {
      const pictures = (): void =>
        show(video, Math.ceil(fromUs / FRAME_US), Math.ceil((toUs - fromUs) / FRAME_US));
      if (first === "pictures") pictures();
      sound(audio, START_US + fromUs, START_US + toUs);
      if (first === "sound") pictures();
    };
    for (let second = 0; second < 5; second += 1) play(second * 1e6, (second + 1) * 1e6);
    // Pictures come again with a keyframe; sound is there a little sooner, and was gone for longer than a second.
    sound(audio, START_US + 7_500_000, START_US + 8 * 1e6);
    for (let second = 8; second < 14; second += 1) play(second * 1e6, (second + 1) * 1e6);
    const placesOf = ({ window }: { readonly window: SegmentWindow | undefined }) =>
      (window?.segments ?? []).map(({ sequence, era }) => [sequence, era]);
    const common = Math.min(placesOf(audio).length, placesOf(video).length);
    expect(common).toBeGreaterThanOrEqual(6);
    expect(placesOf(audio).slice(0, common)).toEqual(placesOf(video).slice(0, common));
    expect(new Set(placesOf(video).map(([, era]) => era))).toEqual(new Set([0, 1]));
    for (const [index, { startUs }] of (audio.window?.segments ?? []).slice(0, common).entries())
      expect(Math.abs(startUs - (video.window?.segments[index]?.startUs ?? 0))).toBeLessThan(11_500);
  });

  it.each([
    ["sound", 130, 130],
    ["sound", 130, 124],
    ["pictures", 130, 130],
    ["pictures", 130, 124],
  ])(
    "breaks once after a hole of both that begins in a short last part, when %s come first",
    (first, shown, heard) => {
      const { video, audio, era } = setUp();
      const soundUs = (1_024 * 1e6) / 48_000;
      let soundAt = START_US;
      const hear = (toIndex: number): void => {
        for (; soundAt < START_US + toIndex * FRAME_US; soundAt += soundUs)
          sound(audio, soundAt, soundAt + 1);
      };
      for (let index = 0; index < shown; index += 1) {
        showUneven(video, index, 1);
        hear(Math.min(index, heard));
      }
      // Again with the keyframe of picture 252, the sound a little sooner.
      soundAt = START_US + 247 * FRAME_US;
      if (first === "sound") hear(252);
      for (let index = 252; index < 500; index += 1) {
        showUneven(video, index, 1);
        hear(index);
      }
      expect(era.value).toBe(1);
      const [pictures, sounds] = [video.window?.segments ?? [], audio.window?.segments ?? []];
      for (const segment of [...pictures, ...sounds])
        expect([segment.startUs, segment.era]).toEqual([
          segment.startUs,
          segment.startUs > START_US + 200 * FRAME_US ? 1 : 0,
        ]);
      expect(pictures.map(({ sequence }) => sequence)).toEqual([100, 101, 102, 103, 104, 105, 106]);
      expect(sounds.map(({ sequence }) => sequence)).toEqual([100, 101, 102, 103, 104, 105, 106]);
      for (const [index, { startUs }] of sounds.entries())
        if (index > 2) expect(Math.abs(startUs - (pictures[index]?.startUs ?? 0))).toBeLessThan(11_500);
    },
  );

  it("keeps to the parts of the pictures when it is another one from the middle of a short last part on", () => {
    const { video, audio } = setUp();
    showUneven(video, 0, 129);
    sound(audio, START_US, START_US + 128 * FRAME_US);
    audio.reconfigure({ ...AAC, sampleRate: 44_100, config: Uint8Array.of(0x12, 0x10) });
    showUneven(video, 129, 140);
    sound(audio, START_US + 128 * FRAME_US, START_US + 260 * FRAME_US);
    const target = audio.window?.plan.partTargetSeconds ?? 0;
    for (const { parts } of audio.window?.segments ?? [])
      for (const { durationUs } of parts) expect(durationUs / 1e6).toBeLessThanOrEqual(target);
    const placesOf = ({ window }: { readonly window: SegmentWindow | undefined }) =>
      (window?.segments ?? []).map((segment) => [segment.sequence, segment.era]);
    expect(placesOf(audio)).toEqual(placesOf(video).slice(0, placesOf(audio).length));
    for (const { init, era } of audio.window?.segments ?? []) expect(init).toBe(era);
  });

  it.each([
    ["begins", 0],
    ["begins again after a hole", 10],
  ])("has no empty segment where it %s after two of the pictures", (_, second) => {
    const { video, audio } = setUp();
    if (second > 0) {
      show(video, 0, 121);
      sound(audio, START_US, START_US + 4e6);
    }
    const from = second * 30;
    const soundUs = START_US + (from + 130) * FRAME_US;
    sound(audio, soundUs, soundUs + 400_000);
    show(video, from, 240);
    sound(audio, soundUs + 405_334, soundUs + 4e6);
    const segments = audio.window?.segments ?? [];
    expect(segments.length).toBeGreaterThanOrEqual(2);
    for (const { parts } of segments) expect(parts.length).toBeGreaterThan(0);
    const { era: soundEra } = segments.at(-1) ?? {};
    expect(soundEra).toBe(video.window?.latest?.era);
  });

  it("says with which era it begins, once", () => {
    const { video, audio, begun } = setUp();
    show(video, 0, 60);
    expect(begun).toEqual([]);
    sound(audio, START_US + 120 * FRAME_US, START_US + 150 * FRAME_US);
    show(video, 120, 120);
    sound(audio, START_US + 151 * FRAME_US, START_US + 240 * FRAME_US);
    expect(begun).toEqual([1]);
    expect(audio.window?.segments.map(({ era }) => era)).toEqual([1, 1]);
  });

  it("breaks the pictures, too, where sound alone has a hole", () => {
    const { video, audio } = setUp();
    for (let index = 0; index < 240; index += 1) {
      show(video, index, 1);
      const atUs = index * FRAME_US;
      if (atUs < 2_500_000 || atUs > 3_700_000)
        sound(audio, START_US + atUs, START_US + atUs + FRAME_US - 21_334);
    }
    const eras = (window: SegmentWindow | undefined) =>
      window?.segments.map(({ sequence, era }) => [sequence, era]);
    expect(eras(audio.window)).toEqual(eras(video.window));
    expect(eras(video.window)).toEqual([
      [100, 0],
      [101, 0],
      [102, 1],
      [103, 1],
    ]);
  });

  it("takes up another configuration at once where it began before there were pictures", () => {
    const { video, audio } = setUp({ withPictures: false });
    sound(audio, START_US, START_US + 3_000_000);
    show(video, 60, 60);
    audio.reconfigure({ ...AAC, sampleRate: 44_100, config: Uint8Array.of(0x12, 0x10) });
    sound(audio, START_US + 3_000_000, START_US + 3_900_000);
    const { startUs, era, init } = audio.window?.latest ?? {};
    expect([era, init]).toEqual([1, 1]);
    expect(Math.abs((startUs ?? 0) - START_US - 3_000_000)).toBeLessThan(30_000);
  });

  it("counts no era back at a boundary that is older than its break", () => {
    const { video, audio } = setUp({ withPictures: false });
    sound(audio, START_US, START_US + 3_000_000);
    show(video, 60, 61);
    audio.reconfigure({ ...AAC, sampleRate: 44_100, config: Uint8Array.of(0x12, 0x10) });
    show(video, 121, 120);
    sound(audio, START_US + 3_000_000, START_US + 7_900_000);
    const eras = audio.window?.segments.map((segment) => segment.era) ?? [];
    expect(eras).toEqual([...eras].sort());
    expect(eras.at(-1)).toBe(1);
  });

  it("goes on by itself when the pictures stop", () => {
    const { video, audio } = setUp();
    show(video, 0, 30);
    sound(audio, START_US, START_US + 10_000_000);
    const total = (audio.window?.segments ?? []).reduce((sum, { durationUs }) => sum + durationUs, 0);
    expect(total).toBeGreaterThan(8_000_000);
  });

  it("makes segments of two seconds, with the messages in them, where there are no pictures", () => {
    const { audio, events } = setUp({ withPictures: false });
    sound(audio, START_US, START_US + 1_000_000);
    events.add(cue("only", START_US + 1_500_000));
    sound(audio, START_US + 1_002_667, START_US + 9_000_000);
    const segments = audio.window?.segments ?? [];
    for (const segment of segments.slice(0, -1)) {
      expect(segment.durationUs).toBeGreaterThan(1_950_000);
      expect(segment.durationUs).toBeLessThan(2_350_000);
    }
    const found = segments.flatMap(({ parts }) => parts).filter(({ bytes }) => holds(bytes, '"id":"only"'));
    expect(found.length).toBe(1);
  });

  it("says that another configuration follows", () => {
    const { audio, era } = setUp({ withPictures: false });
    sound(audio, START_US, START_US + 3_000_000);
    audio.reconfigure({ ...AAC, sampleRate: 44_100, config: Uint8Array.of(0x12, 0x10) });
    sound(audio, START_US + 3_000_000, START_US + 6_000_000);
    const eras = audio.window?.segments.map((segment) => [segment.era, segment.init]) ?? [];
    expect(eras[0]).toEqual([0, 0]);
    expect(eras.at(-1)).toEqual([1, 1]);
    expect(era.value).toBe(1);
  });
});
