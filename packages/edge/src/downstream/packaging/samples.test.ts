import { describe, expect, it } from "vitest";
import { AudioSampleMaker, samplesOfUs, usOfSamples } from "./audio-samples.ts";
import { type PackagedAudio, packagedMedia } from "./packaged-media.ts";
import { HIGH_SPS_WITH_B_FRAMES, keyframe, MAIN_SPS, PICTURE } from "./pictures-suite.ts";
import { VideoSampleMaker } from "./video-samples.ts";

const START_US = 1_795_709_114_470_657;
const HINTS = { bFrames: false, framerate: 30, jitterMs: undefined };

const AAC: PackagedAudio = {
  name: "audio",
  codec: "mp4a.40.2",
  form: "mp4a",
  config: Uint8Array.of(0x11, 0x90),
  sampleRate: 48_000,
  channels: 2,
  samplesPerFrame: 1_024,
  bitrate: undefined,
};

describe("VideoSampleMaker", () => {
  it("begins at a keyframe, takes its parameter sets out and leaves SEI in", () => {
    const maker = new VideoSampleMaker(HINTS);
    expect(maker.make(START_US, PICTURE)).toBeUndefined();
    const sample = maker.make(START_US + 33_333, keyframe(undefined, "0605010780"));
    expect([...(sample?.data ?? [])]).toEqual([0, 0, 0, 5, 6, 5, 1, 7, 0x80, 0, 0, 0, 3, 0x65, 0x88, 1]);
    expect(sample).toMatchObject({ isKeyframe: true, isNewConfig: true, decodeUs: START_US + 33_333 });
    expect([...(maker.config?.avcC.subarray(0, 4) ?? [])]).toEqual([1, 0x42, 0xc0, 0x0b]);
    const next = maker.make(START_US + 66_666, PICTURE);
    expect([...(next?.data ?? [])]).toEqual([0, 0, 0, 3, 0x41, 0x9a, 2]);
    expect(next).toMatchObject({ isKeyframe: false, isNewConfig: false, isBreak: false });
  });

  it("tells a repeated configuration from a new one, and a step of time from its course", () => {
    const maker = new VideoSampleMaker(HINTS);
    maker.make(START_US, keyframe());
    expect(maker.make(START_US + 33_333, keyframe())).toMatchObject({ isNewConfig: false, isBreak: false });
    expect(maker.make(START_US + 66_666, keyframe(MAIN_SPS))).toMatchObject({ isNewConfig: true });
    expect(maker.make(START_US + 5_000_000, PICTURE)).toMatchObject({ isBreak: true });
    expect(maker.make(START_US, PICTURE)).toMatchObject({ isBreak: true, decodeUs: START_US });
  });

  it("keeps decoding before presentation where pictures are reordered", () => {
    const maker = new VideoSampleMaker({ bFrames: true, framerate: 25, jitterMs: 80 });
    const order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
    const samples = order.map((place, index) =>
      maker.make(START_US + place * 40_000, index === 0 ? keyframe(HIGH_SPS_WITH_B_FRAMES) : PICTURE),
    );
    const decoding = samples.map((sample) => sample?.decodeUs ?? Number.NaN);
    samples.forEach((sample, index) => {
      expect(sample?.decodeUs).toBeLessThanOrEqual(sample?.timestampUs ?? Number.NaN);
      if (index > 0) expect((decoding[index] ?? 0) - (decoding[index - 1] ?? 0)).toBe(40_000);
    });
  });

  it.each([0, 1e-9, 1e9, Number.MAX_VALUE])(
    "plans with a sane rate where a publisher says %d",
    (framerate) => {
      const maker = new VideoSampleMaker({ ...HINTS, framerate });
      expect(maker.frameUs).toBeGreaterThan(4_000);
      expect(maker.frameUs).toBeLessThanOrEqual(1_000_000);
    },
  );

  it("refuses what is no Annex B", () => {
    const maker = new VideoSampleMaker(HINTS);
    expect(() => maker.make(0, Uint8Array.of(1, 2, 3))).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });
});

describe("AudioSampleMaker", () => {
  it("makes a timeline without holes of timestamps that are rounded to milliseconds", () => {
    const maker = new AudioSampleMaker(AAC);
    let next = Number.NaN;
    for (let index = 0; index < 500; index += 1) {
      const exactUs = START_US + (index * 1_024 * 1e6) / 48_000;
      const sample = maker.make(Math.round(exactUs / 1_000) * 1_000, Uint8Array.of(index & 0xff));
      if (index > 0) expect(sample?.start).toBe(next);
      next = (sample?.start ?? 0) + 1_024;
      expect(Math.abs(usOfSamples(sample?.start ?? 0, 48_000) - exactUs)).toBeLessThan(1_500);
    }
  });

  it("follows a clock that drifts, in steps that nobody hears", () => {
    const maker = new AudioSampleMaker(AAC);
    let worst = 0;
    for (let index = 0; index < 3_000; index += 1) {
      const drifting = START_US + (index * 1_024 * 1e6 * 1.005) / 48_000;
      const sample = maker.make(Math.round(drifting), new Uint8Array(1));
      worst = Math.max(worst, Math.abs(usOfSamples(sample?.start ?? 0, 48_000) - drifting));
    }
    expect(worst).toBeLessThan(7_000);
  });

  it("takes a hole as a hole, an overlap as one, and a jump as a new beginning", () => {
    const maker = new AudioSampleMaker(AAC);
    maker.make(START_US, new Uint8Array(1));
    const behindHole = maker.make(START_US + 500_000, new Uint8Array(1));
    expect(behindHole).toMatchObject({ start: samplesOfUs(START_US + 500_000, 48_000), isBreak: false });
    expect(maker.make(START_US + 100_000, new Uint8Array(1))).toBeUndefined();
    expect(maker.make(START_US + 9_000_000, new Uint8Array(1))).toMatchObject({ isBreak: true });
  });

  it("asks Opus packets how long they are", () => {
    const maker = new AudioSampleMaker({ ...AAC, form: "Opus", samplesPerFrame: 0 });
    // Config 31 (CELT, 20 ms), one frame; config 16 (2.5 ms), two frames.
    expect(maker.make(START_US, Uint8Array.of(31 << 3))?.length).toBe(960);
    expect(maker.make(START_US + 20_000, Uint8Array.of((16 << 3) | 1))?.length).toBe(240);
    expect(() => maker.make(START_US, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: "truncated" }),
    );
  });
});

describe("packagedMedia", () => {
  const opus = { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 };
  const aac = { codec: "mp4a.40.2", sampleRate: 44_100, numberOfChannels: 1, description: "1208" };

  it("takes AAC before Opus, and the publisher's own before a bridge", () => {
    const audioOf = (renditions: object, bridges?: Record<string, string>) =>
      packagedMedia({
        audio: { renditions: renditions as never },
        canopy: bridges === undefined ? {} : { bridges },
      }).audio;
    expect(audioOf({ audio: opus, "audio-aac": aac }, { "audio-aac": "audio" })).toMatchObject({
      name: "audio-aac",
      sampleRate: 44_100,
      channels: 1,
    });
    expect(audioOf({ "audio-opus": opus, audio: aac }, { "audio-opus": "audio" })?.name).toBe("audio");
    expect(audioOf({ audio: opus })).toMatchObject({ name: "audio", form: "Opus", samplesPerFrame: 0 });
  });

  it("leaves out sound whose configuration a CMAF header does not take", () => {
    const renditions = { audio: { ...aac, description: `1208${"00".repeat(63)}` }, other: opus };
    const media = packagedMedia({ audio: { renditions } });
    expect(media).toMatchObject({ audio: { name: "other", form: "Opus" }, leftOut: ["mp4a.40.2"] });
  });

  it("orders pictures by bitrate and leaves out what it cannot carry", () => {
    const media = packagedMedia({
      video: {
        renditions: {
          low: { codec: "avc3.42c01f", bitrate: 1 },
          high: { codec: "avc1.64001f", bitrate: 2 },
          hevc: { codec: "hvc1.1.6.L93.B0" },
          other: { codec: "avc1.64001f", description: "01" },
          elsewhere: { codec: "avc1.64001f", broadcast: "../x" },
        },
      },
      audio: { renditions: { audio: { ...aac, description: "00" } } },
    });
    expect(media.video.map(({ name, codec }) => [name, codec])).toEqual([
      ["high", "avc1.64001f"],
      ["low", "avc1.42c01f"],
    ]);
    expect(media.audio).toBeUndefined();
    expect(media.leftOut).toHaveLength(4);
  });
});
