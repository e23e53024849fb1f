import { parseAudioTagBody, parseVideoTagBody } from "@canopy/media/flv";
import { encodeOpusHead } from "@canopy/media/opus";
import { describe, expect, it } from "vitest";
import type { Program } from "../program/choose-program.ts";
import { describeStream } from "./describe-stream.ts";

const RECORD = Uint8Array.of(1, 2, 3);

function program(codec: "avc1" | "hvc1", sound: "mp4a" | "Opus"): Program {
  return {
    video: { track: "video", codec, rendition: { codec, framerate: 30, bitrate: 1_500_000 }, bFrames: false },
    audio: {
      track: "audio",
      codec: sound,
      rendition: { codec: sound, sampleRate: 48_000, numberOfChannels: 2 },
      config: sound === "Opus" ? encodeOpusHead({ channels: 2 }) : Uint8Array.of(0x11, 0x90),
    },
    timedTrack: undefined,
    unsupported: [],
  };
}

function configuration(codec: "avc1" | "hvc1") {
  return { codec, codecString: codec, record: RECORD, width: 1_280, height: 720, reorderDepth: 0 };
}

describe("describeStream", () => {
  it("speaks the legacy form for H.264 and AAC, as every server does", () => {
    const { video, audio, metadata } = describeStream(program("avc1", "mp4a"), configuration("avc1"));
    expect(parseVideoTagBody(video ?? RECORD)).toMatchObject({
      codec: "avc1",
      enhanced: false,
      kind: "sequence-start",
      data: RECORD,
    });
    expect(parseAudioTagBody(audio ?? RECORD)).toMatchObject({ codec: "mp4a", enhanced: false });
    expect(metadata).toMatchObject({
      videocodecid: 7,
      audiocodecid: 10,
      width: 1_280,
      height: 720,
      framerate: 30,
      videodatarate: 1_500,
      stereo: true,
    });
  });

  it("speaks Enhanced RTMP for HEVC and Opus", () => {
    const { video, audio, metadata } = describeStream(program("hvc1", "Opus"), configuration("hvc1"));
    expect(parseVideoTagBody(video ?? RECORD)).toMatchObject({ codec: "hvc1", enhanced: true, data: RECORD });
    expect(parseAudioTagBody(audio ?? RECORD)).toMatchObject({ codec: "Opus", enhanced: true });
    expect(metadata).toMatchObject({ videocodecid: 0x68766331, audiocodecid: 0x4f707573 });
  });

  it("says nothing of pictures before their parameter sets are known, nor of those that are not there", () => {
    expect(describeStream(program("avc1", "mp4a"), undefined).video).toBeUndefined();
    const soundAlone = { ...program("avc1", "mp4a"), video: undefined };
    expect(describeStream(soundAlone, configuration("avc1"))).toMatchObject({
      video: undefined,
      metadata: { audiocodecid: 10 },
    });
  });
});
