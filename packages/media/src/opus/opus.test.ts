import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { readVector } from "../vectors-suite.ts";
import { encodeOpusHead, parseOpusHead } from "./opus-head.ts";
import { opusPacketChannels, opusPacketDurationUs } from "./packet.ts";

interface OpusVector {
  readonly streams: readonly {
    durationMs: number;
    channels: number;
    head: string;
    packets: readonly string[];
  }[];
}
const { streams } = readVector<OpusVector>("opus-packets");
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("parseOpusHead", () => {
  it("reads libopus' headers, and encodeOpusHead writes them", () => {
    for (const { channels, head } of streams) {
      const parsed = parseOpusHead(decodeHex(head));
      expect(parsed).toMatchObject({
        channels,
        inputSampleRate: 48_000,
        mappingFamily: 0,
        coupledStreams: channels - 1,
      });
      expect(encodeHex(encodeOpusHead(parsed))).toBe(head);
    }
  });

  it("keeps a surround mapping through a round trip", () => {
    const head = {
      channels: 6,
      preSkip: 3840,
      inputSampleRate: 44_100,
      outputGain: -256,
      mappingFamily: 1,
      streams: 4,
      coupledStreams: 2,
      mapping: Uint8Array.of(0, 4, 1, 2, 3, 5),
    };
    expect(parseOpusHead(encodeOpusHead(head))).toEqual(head);
  });

  it("refuses what RFC 7845 rules out", () => {
    const bytes = encodeOpusHead({ channels: 2 });
    const changed = (at: number, value: number) =>
      Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte));
    expect(() => parseOpusHead(changed(0, 0))).toThrow(code("malformed"));
    expect(() => parseOpusHead(changed(8, 16))).toThrow(code("unsupported"));
    expect(() => parseOpusHead(changed(9, 0))).toThrow(code("malformed"));
    expect(() => parseOpusHead(changed(9, 3))).toThrow(code("malformed"));
    expect(() => parseOpusHead(bytes.subarray(0, 18))).toThrow(code("truncated"));
    expect(() => encodeOpusHead({ channels: 3 })).toThrow(code("malformed"));
  });
});

describe("opusPacketDurationUs", () => {
  it("agrees with the frame duration that libopus was asked for", () => {
    for (const { durationMs, channels, packets } of streams) {
      for (const packet of packets.map(decodeHex)) {
        expect(opusPacketDurationUs(packet)).toBe(durationMs * 1000);
        expect(opusPacketChannels(packet)).toBeLessThanOrEqual(channels);
      }
    }
  });

  it.each([
    [0b00000_0_00, 10_000],
    [0b00011_0_00, 60_000],
    [0b01100_0_00, 10_000],
    [0b01101_0_01, 40_000],
    [0b10000_0_00, 2_500],
    [0b11111_1_10, 40_000],
  ])("reads the table of RFC 6716 for TOC %i", (toc, durationUs) => {
    expect(opusPacketDurationUs(Uint8Array.of(toc))).toBe(durationUs);
  });

  it("counts frames of code 3, up to 120 ms", () => {
    expect(opusPacketDurationUs(Uint8Array.of(0b11111_0_11, 6))).toBe(120_000);
    expect(() => opusPacketDurationUs(Uint8Array.of(0b11111_0_11, 7))).toThrow(code("malformed"));
    expect(() => opusPacketDurationUs(Uint8Array.of(0b11111_0_11, 0))).toThrow(code("malformed"));
    expect(() => opusPacketDurationUs(Uint8Array.of(0b11111_0_11))).toThrow(code("truncated"));
    expect(() => opusPacketDurationUs(new Uint8Array(0))).toThrow(code("truncated"));
  });
});
