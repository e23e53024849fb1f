import { describe, expect, it } from "vitest";
import { encodeFlvHeader, encodeFlvTag, FLV_VIDEO_TAG } from "./encode-flv-file.ts";

describe("encodeFlvHeader", () => {
  it("says what the stream has", () => {
    expect([...encodeFlvHeader({ video: true, audio: false })]).toEqual([
      0x46, 0x4c, 0x56, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0,
    ]);
    expect(encodeFlvHeader({ video: true, audio: true })[4]).toBe(5);
  });
});

describe("encodeFlvTag", () => {
  it("splits the timestamp as FLV wants it and ends with the tag's size", () => {
    const tag = encodeFlvTag(FLV_VIDEO_TAG, 0x1234_5678, Uint8Array.of(1, 2));
    expect([...tag]).toEqual([9, 0, 0, 2, 0x34, 0x56, 0x78, 0x12, 0, 0, 0, 1, 2, 0, 0, 0, 13]);
  });

  it("refuses a body that its length field cannot hold", () => {
    expect(() => encodeFlvTag(FLV_VIDEO_TAG, 0, new Uint8Array(0x100_0000))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });
});
