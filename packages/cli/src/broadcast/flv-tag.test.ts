import { describe, expect, it } from "vitest";
import { annexBUnits } from "./annexb-units.ts";
import type { EncodedPacket, VideoFormat } from "./encoded-packet.ts";
import { audioSequenceHeader, audioTagBody, videoSequenceHeader, videoTagBody } from "./flv-tag.ts";

const FORMAT: VideoFormat = {
  width: 1280,
  height: 720,
  framerate: 30,
  bitrateBps: 1_500_000,
  parameterSets: Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 9, 0, 0, 1, 0x68, 0xce),
};

function packet(data: Uint8Array, kind: "video" | "audio" = "video"): EncodedPacket {
  return { kind, data, timestampUs: 0, decodeTimestampUs: 0, keyframe: true };
}

describe("annexBUnits", () => {
  it("splits at start codes of 3 and 4 bytes and drops trailing zeros", () => {
    const units = annexBUnits(Uint8Array.of(0, 0, 0, 1, 0x65, 1, 0, 0, 1, 0x41, 2, 0, 0, 0, 1, 0x06));
    expect(units.map((unit) => [...unit])).toEqual([[0x65, 1], [0x41, 2], [0x06]]);
  });

  it("finds nothing in bytes without a start code", () => {
    expect(annexBUnits(Uint8Array.of(1, 2, 3, 0, 1))).toEqual([]);
  });
});

describe("videoSequenceHeader", () => {
  it("carries the parameter sets as AVCDecoderConfigurationRecord", () => {
    expect(videoSequenceHeader(FORMAT).toString("hex")).toBe(
      "17000000000142c01fffe100056742c01f0901000268ce",
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
      sampleRate: 48_000,
      channels: 2,
      bitrateBps: 1,
      audioSpecificConfig: Uint8Array.of(0x11, 0x90),
    };
    expect(audioSequenceHeader(format).toString("hex")).toBe("af001190");
    expect(audioTagBody(packet(Uint8Array.of(7, 8), "audio")).toString("hex")).toBe("af010708");
  });
});
