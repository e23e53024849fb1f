import { describe, expect, it } from "vitest";
import type { EncodedPacket, VideoFormat } from "./encoded-packet.ts";
import { audioSequenceHeader, audioTagBody, videoSequenceHeader, videoTagBody } from "./flv-tag.ts";

const FORMAT: VideoFormat = {
  width: 1280,
  height: 720,
  framerate: 30,
  bitrateBps: 1_500_000,
  // What libx264 makes for 1280 x 720, constrained baseline, level 3.1.
  parameterSets: Buffer.from(
    "000000016742c01fda014016e9a808080a000003000200000300791e3065400000000168ce3c80",
    "hex",
  ),
};

function packet(data: Uint8Array, kind: "video" | "audio" = "video"): EncodedPacket {
  return { kind, data, timestampUs: 0, decodeTimestampUs: 0, keyframe: true };
}

describe("videoSequenceHeader", () => {
  it("carries the parameter sets as AVCDecoderConfigurationRecord", () => {
    expect(videoSequenceHeader(FORMAT).toString("hex")).toBe(
      "17000000000142c01fffe1001b6742c01fda014016e9a808080a000003000200000300791e30654001000468ce3c80",
    );
  });

  it("refuses a stream without parameter sets", () => {
    expect(() => videoSequenceHeader({ ...FORMAT, parameterSets: new Uint8Array(0) })).toThrow(/SPS/);
  });
});

describe("videoTagBody", () => {
  it("prefixes each slice with its length and leaves parameter sets to the sequence header", () => {
    const data = Uint8Array.of(...FORMAT.parameterSets, 0, 0, 0, 1, 0x65, 0xaa);
    expect(videoTagBody(packet(data), 66).toString("hex")).toBe("17010000420000000265aa");
  });
});

describe("audioTagBody", () => {
  it("follows the sequence header with raw frames", () => {
    const format = {
      codec: "aac" as const,
      sampleRate: 48_000,
      channels: 2,
      bitrateBps: 1,
      audioSpecificConfig: Uint8Array.of(0x11, 0x90),
    };
    expect(audioSequenceHeader(format).toString("hex")).toBe("af001190");
    expect(audioTagBody(packet(Uint8Array.of(7, 8), "audio")).toString("hex")).toBe("af010708");
  });
});
