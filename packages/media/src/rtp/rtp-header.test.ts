import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { readVector } from "../vectors-suite.ts";
import {
  encodeExtension,
  findExtension,
  lengthOfExtension,
  textExtension,
  transportSequence,
} from "./header-extension.ts";
import {
  isRtcp,
  RtpHeader,
  rewriteRtpPayloadType,
  rewriteRtpSequence,
  rewriteRtpSsrc,
  rewriteRtpTimestamp,
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
} from "./rtp-header.ts";

interface HeaderVector {
  readonly packets: readonly {
    readonly name: string;
    readonly hex: string;
    readonly extensions: readonly { readonly id: number; readonly hex: string }[];
  }[];
}

const { packets } = readVector<HeaderVector>("rtp-headers");
const code = (expected: string) => expect.objectContaining({ code: expected });
const read = (bytes: Uint8Array) => {
  const header = new RtpHeader();
  header.read(bytes);
  return header;
};

describe("RtpHeader", () => {
  it.each(packets)("reads a packet of another implementation with $name", ({ hex, extensions }) => {
    const bytes = decodeHex(hex);
    const header = read(bytes);
    expect(header).toMatchObject({
      payloadType: 96,
      marker: true,
      sequence: 65_535,
      timestamp: 4_294_967_295,
      ssrc: 0x89abcdef,
    });
    expect(encodeHex(bytes.subarray(header.payloadStart, header.payloadEnd))).toBe("7061796c6f6164");
    for (const { id, hex: value } of extensions) {
      const start = findExtension(bytes, header, id);
      expect(encodeHex(bytes.subarray(start, start + lengthOfExtension(bytes, header, start)))).toBe(value);
    }
    expect(findExtension(bytes, header, 9)).toBe(-1);
    expect(isRtcp(bytes)).toBe(false);
  });

  it("refuses another version, an early end and padding that is longer than the payload", () => {
    expect(() => read(decodeHex("40e0ffffffffffff89abcdef"))).toThrow(code("malformed"));
    expect(() => read(decodeHex("80e0ffffffffffff89abcd"))).toThrow(code("truncated"));
    expect(() => read(decodeHex("81e0ffffffffffff89abcdef"))).toThrow(code("truncated"));
    expect(() => read(decodeHex("90e0ffffffffffff89abcdefbede"))).toThrow(code("truncated"));
    expect(() => read(decodeHex("90e0ffffffffffff89abcdefbede0001"))).toThrow(code("truncated"));
    expect(() => read(decodeHex("a0e0ffffffffffff89abcdef000003"))).not.toThrow();
    expect(() => read(decodeHex("a0e0ffffffffffff89abcdef000004"))).toThrow(code("malformed"));
    expect(() => read(decodeHex("a0e0ffffffffffff89abcdef000000"))).toThrow(code("malformed"));
  });

  it("is rewritten field by field, in place", () => {
    const bytes = decodeHex("80e0ffffffffffff89abcdef");
    rewriteRtpPayloadType(bytes, 102);
    rewriteRtpSequence(bytes, 258);
    rewriteRtpTimestamp(bytes, 0x01020304);
    rewriteRtpSsrc(bytes, 0xfffefdfc);
    expect(encodeHex(bytes)).toBe("80e6010201020304fffefdfc");
    expect([rtpSequence(bytes), rtpTimestamp(bytes), rtpSsrc(bytes)]).toEqual([258, 0x01020304, 0xfffefdfc]);
  });
});

describe("encodeExtension", () => {
  it("writes elements that are found again", () => {
    const extension = encodeExtension([
      { id: 3, value: Uint8Array.of(1, 2) },
      { id: 4, value: Uint8Array.from("video", (letter) => letter.charCodeAt(0)) },
    ]);
    const bytes = new Uint8Array(12 + extension.length);
    bytes.set(decodeHex("90e0ffffffffffff89abcdef"));
    bytes.set(extension, 12);
    const header = read(bytes);
    expect(transportSequence(bytes, header, 3)).toBe(258);
    expect(findExtension(bytes, header, 3)).toBe(12 + 5);
    expect(textExtension(bytes, header, 4)).toBe("video");
    expect(textExtension(bytes, header, 3)).toBeUndefined();
    expect(transportSequence(bytes, header, 5)).toBe(-1);
  });

  it("refuses what the one-byte form cannot carry", () => {
    const value = Uint8Array.of(1);
    expect(() => encodeExtension([{ id: 15, value }])).toThrow(code("malformed"));
    expect(() => encodeExtension([{ id: 0, value }])).toThrow(code("malformed"));
    expect(() => encodeExtension([{ id: 1, value: new Uint8Array(17) }])).toThrow(code("malformed"));
  });
});

describe("findExtension", () => {
  it("stops at an element that points past the extension, and at id 15", () => {
    const past = decodeHex("90e0ffffffffffff89abcdefbede00013f010203ff");
    expect(findExtension(past, read(past), 3)).toBe(-1);
    const stopped = decodeHex("90e0ffffffffffff89abcdefbede0001f0013001");
    expect(findExtension(stopped, read(stopped), 3)).toBe(-1);
    const twoByte = decodeHex("90e0ffffffffffff89abcdef1000000103090102");
    expect(findExtension(twoByte, read(twoByte), 3)).toBe(-1);
  });
});
