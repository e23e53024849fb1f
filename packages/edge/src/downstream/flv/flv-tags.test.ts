import { decodeAmf0, parseAudioTagBody, parseVideoTagBody } from "@canopy/media/flv";
import { describe, expect, it } from "vitest";
import { AudioSampleMaker } from "../packaging/audio-samples.ts";
import type { PackagedAudio } from "../packaging/packaged-media.ts";
import { HIGH_SPS_WITH_B_FRAMES, keyframe, PICTURE } from "../packaging/pictures-suite.ts";
import { VideoSampleMaker } from "../packaging/video-samples.ts";
import { FlvTags } from "./flv-tags.ts";

const START_US = 1_795_709_114_470_000;
const AAC: PackagedAudio = {
  ...{ name: "audio", codec: "mp4a.40.2", form: "mp4a", config: Uint8Array.of(0x11, 0x90) },
  ...{ sampleRate: 48_000, channels: 2, samplesPerFrame: 1_024, bitrate: undefined },
};

interface Tag {
  readonly type: number;
  readonly timeMs: number;
  readonly body: Uint8Array;
}

/** Reads one tag and checks its sizes. */
function read(bytes: Uint8Array): Tag {
  const buffer = Buffer.from(bytes);
  const size = buffer.readUIntBE(1, 3);
  expect(buffer.length).toBe(11 + size + 4);
  expect(buffer.readUInt32BE(11 + size)).toBe(11 + size);
  const timeMs = buffer.readUIntBE(4, 3) + buffer.readUInt8(7) * 2 ** 24;
  return { type: buffer.readUInt8(0), timeMs, body: buffer.subarray(11, 11 + size) };
}

describe("FlvTags", () => {
  it("begins with what the stream has: metadata at time 0, then the configurations", () => {
    const tags = new FlvTags();
    const maker = new VideoSampleMaker({ bFrames: false, framerate: 30, jitterMs: undefined });
    const sample = maker.make(START_US, keyframe());
    if (sample === undefined) throw new Error("no sample");
    tags.video(sample);
    const format = { video: maker.config, audio: AAC, framerate: 30 };
    const [header, ...rest] = tags.beginning(format, 1_000);
    expect(Buffer.from(header ?? new Uint8Array()).toString("latin1", 0, 5)).toBe("FLV\u0001\u0005");
    const [metadata, video, audio] = rest.map(read);
    expect([metadata?.type, metadata?.timeMs]).toEqual([18, 0]);
    const [name, properties] = decodeAmf0(metadata?.body ?? new Uint8Array());
    expect(name).toBe("onMetaData");
    expect(properties).toMatchObject({
      entries: {
        width: 160,
        height: 90,
        framerate: 30,
        videocodecid: 7,
        audiocodecid: 10,
        mediaTimeBaseMs: START_US / 1_000 - 1_000,
      },
    });
    expect(parseVideoTagBody(video?.body ?? new Uint8Array())).toMatchObject({ kind: "sequence-start" });
    expect(parseAudioTagBody(audio?.body ?? new Uint8Array())).toMatchObject({ kind: "sequence-start" });
  });

  it("keeps picture and sound of one moment at one time, and composition times of B-frames", () => {
    const tags = new FlvTags();
    const maker = new VideoSampleMaker({ bFrames: true, framerate: 25, jitterMs: 80 });
    const order = [0, 3, 1, 2];
    const shown = order.map((place, index) => {
      const unit = index === 0 ? keyframe(HIGH_SPS_WITH_B_FRAMES) : PICTURE;
      const sample = maker.make(START_US + place * 40_000, unit);
      if (sample === undefined) throw new Error("no sample");
      const { timeMs, body } = read(tags.video(sample));
      const parsed = parseVideoTagBody(body);
      return timeMs + (parsed as { readonly compositionTimeMs: number }).compositionTimeMs;
    });
    const base = shown[0] ?? Number.NaN;
    expect(shown.map((time) => time - base)).toEqual([0, 120, 40, 80]);
    const sound = new AudioSampleMaker(AAC).make(START_US + 40_000, Uint8Array.of(1));
    if (sound === undefined) throw new Error("no sound");
    expect(read(tags.audio(sound, AAC))).toMatchObject({ type: 8, timeMs: base + 40 });
  });
});
