import { describe, expect, it } from "vitest";
import { audioDecoderConfig } from "../present/audio-track.ts";
import { videoDecoderConfig } from "../present/video-track.ts";
import { decodingKey } from "./decoding-key.ts";

const VIDEO = { codec: "avc1.42c01e", codedWidth: 640, codedHeight: 360 };
const AUDIO = { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2, description: "1190" };

describe("decodingKey", () => {
  it("stays the same when a catalog only tells other rates", () => {
    const key = decodingKey("video", videoDecoderConfig(VIDEO, false));
    expect(
      decodingKey("video", videoDecoderConfig({ ...VIDEO, bitrate: 410_000, framerate: 30 }, false)),
    ).toBe(key);
    const sound = decodingKey("audio", audioDecoderConfig(AUDIO));
    expect(decodingKey("audio", audioDecoderConfig({ ...AUDIO, bitrate: 31_000 }))).toBe(sound);
  });

  it("changes with the track, the codec, its configuration and the order of frames", () => {
    const keys = [
      decodingKey(undefined, undefined),
      decodingKey("video", videoDecoderConfig(VIDEO, false)),
      decodingKey("other", videoDecoderConfig(VIDEO, false)),
      decodingKey("video", videoDecoderConfig(VIDEO, true)),
      decodingKey("video", videoDecoderConfig({ ...VIDEO, codec: "avc1.640028" }, false)),
      decodingKey("audio", audioDecoderConfig(AUDIO)),
      decodingKey("audio", audioDecoderConfig({ ...AUDIO, description: "1210" })),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});
