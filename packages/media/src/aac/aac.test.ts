import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { readVector } from "../vectors-suite.ts";
import { buildAdtsFrame, parseAdtsHeader, splitAdts, stripAdts } from "./adts.ts";
import {
  aacCodecString,
  encodeAudioSpecificConfig,
  parseAudioSpecificConfig,
} from "./audio-specific-config.ts";

interface AdtsVector {
  readonly ffprobe: { readonly sample_rate: string; readonly channels: number };
  readonly packetSizes: readonly number[];
  readonly hex: string;
}

describe("parseAudioSpecificConfig", () => {
  it.each([
    ["1190", "LC 48 kHz stereo", { objectType: 2, sampleRate: 48_000, channels: 2, sbr: false }, "mp4a.40.2"],
    ["1208", "LC 44.1 kHz mono", { objectType: 2, sampleRate: 44_100, channels: 1 }, "mp4a.40.2"],
    ["11b0", "LC 48 kHz 5.1", { sampleRate: 48_000, channels: 6 }, "mp4a.40.2"],
    [
      "2b920800",
      "HE-AAC, hierarchical",
      { objectType: 2, sampleRate: 22_050, extensionSampleRate: 44_100, sbr: true, ps: false },
      "mp4a.40.5",
    ],
    [
      "eb8a0800",
      "HE-AAC v2, hierarchical",
      { objectType: 2, sampleRate: 22_050, channels: 1, extensionSampleRate: 44_100, sbr: true, ps: true },
      "mp4a.40.29",
    ],
    [
      "139056e5a0",
      "HE-AAC, backward compatible",
      { objectType: 2, sampleRate: 22_050, sbr: true, extensionSampleRate: 44_100 },
      "mp4a.40.2",
    ],
    [
      "138856e5a54880",
      "HE-AAC v2, backward compatible",
      { sampleRate: 22_050, channels: 1, sbr: true, ps: true },
      "mp4a.40.2",
    ],
  ])("reads %s: %s", (hex, _name, expected, codec) => {
    const config = parseAudioSpecificConfig(decodeHex(hex));
    expect(config).toMatchObject(expected);
    expect(aacCodecString(config)).toBe(codec);
  });

  it("reads an explicit frequency and 960-sample frames", () => {
    const uncommon = encodeAudioSpecificConfig({ sampleRate: 37_800, channels: 2 });
    expect(parseAudioSpecificConfig(uncommon)).toMatchObject({ sampleRate: 37_800, channels: 2 });
    expect(parseAudioSpecificConfig(Uint8Array.of(0x11, 0x94)).samplesPerFrame).toBe(960);
  });

  it("counts the channels of a program_config_element", () => {
    // LC 48 kHz, configuration 0; one front pair and one front single element.
    const bits = "00010 0011 0000 000" + "0000 01 0011 0010 0000 0000 00 000 0000 000" + "1 0000 0 0001";
    const text = bits.replaceAll(" ", "");
    const aligned = `${text.padEnd(Math.ceil(text.length / 8) * 8, "0")}00000000`;
    const bytes = Uint8Array.from(aligned.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
    expect(parseAudioSpecificConfig(bytes).channels).toBe(3);
  });

  it("refuses reserved values and other codecs", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => parseAudioSpecificConfig(Uint8Array.of(0x16, 0x90))).toThrow(code("malformed"));
    expect(() => parseAudioSpecificConfig(Uint8Array.of(0x11, 0xc8))).toThrow(code("malformed"));
    expect(() => parseAudioSpecificConfig(Uint8Array.of(0xf9, 0x46, 0x40, 0))).toThrow(code("unsupported"));
    expect(() => parseAudioSpecificConfig(Uint8Array.of(0x11))).toThrow(code("truncated"));
    expect(() => parseAudioSpecificConfig(new Uint8Array(600))).toThrow(code("too-large"));
  });
});

describe("encodeAudioSpecificConfig", () => {
  it("writes the two bytes of plain AAC", () => {
    expect(encodeHex(encodeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 }))).toBe("1190");
    expect(encodeHex(encodeAudioSpecificConfig({ sampleRate: 44_100, channels: 1 }))).toBe("1208");
    expect(() => encodeAudioSpecificConfig({ sampleRate: 48_000, channels: 9 })).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });
});

describe("splitAdts", () => {
  it.each(["aac-adts-44100-stereo", "aac-adts-48000-5.1"])("takes %s apart where ffprobe does", (name) => {
    const { ffprobe, packetSizes, hex } = readVector<AdtsVector>(name);
    const bytes = decodeHex(hex);
    const header = parseAdtsHeader(bytes);
    expect(header).toMatchObject({
      sampleRate: Number(ffprobe.sample_rate),
      channels: ffprobe.channels,
      objectType: 2,
    });
    const frames = splitAdts(bytes);
    expect(frames.map((frame) => frame.length + header.headerBytes)).toEqual(packetSizes);
    for (const frame of frames) expect(stripAdts(buildAdtsFrame(header, frame))).toEqual(frame);
  });
});

describe("stripAdts", () => {
  const config = { objectType: 2, sampleRate: 48_000, channelConfiguration: 2 };
  const frame = buildAdtsFrame(config, Uint8Array.of(1, 2, 3));

  it("refuses a raw frame, a cut one and more than one", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => stripAdts(Uint8Array.of(0x21, 0, 0, 0, 0, 0, 0, 0))).toThrow(code("malformed"));
    expect(() => stripAdts(frame.subarray(0, 9))).toThrow(code("truncated"));
    expect(() => stripAdts(new Uint8Array(0))).toThrow(code("truncated"));
    expect(() => stripAdts(Uint8Array.of(...frame, ...frame))).toThrow(code("too-many"));
  });

  it("leaves out a CRC", () => {
    const bytes = Uint8Array.of(0xff, 0xf0, 0x4c, 0x80, 0x01, 0x7f, 0xfc, 0xaa, 0xbb, 7, 8);
    expect([...stripAdts(bytes)]).toEqual([7, 8]);
  });
});

describe("buildAdtsFrame", () => {
  it("refuses what the header cannot say", () => {
    const bad = (config: object) =>
      buildAdtsFrame(
        { objectType: 2, sampleRate: 48_000, channelConfiguration: 2, ...config },
        Uint8Array.of(1),
      );
    expect(() => bad({ sampleRate: 1 })).toThrow(expect.objectContaining({ code: "unsupported" }));
    expect(() => bad({ objectType: 5 })).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});
