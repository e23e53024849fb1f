import { describe, expect, it } from "vitest";
import { MediaError } from "../media-error.ts";
import { H264_VECTORS, loadVideo } from "../vectors-suite.ts";
import { NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { h264CodecString, parseSps } from "./sps.ts";

function spsOf(name: string): Uint8Array {
  const nal = loadVideo(name).nals.find((candidate) => nalUnitType(candidate[0]) === NAL_SPS);
  if (!nal) throw new Error(`${name} has no SPS`);
  return nal;
}

describe("parseSps", () => {
  it.each(H264_VECTORS)("agrees with ffprobe about %s", (name) => {
    const { ffprobe } = loadVideo(name);
    const sps = parseSps(spsOf(name));
    expect(sps).toMatchObject({
      codedWidth: ffprobe.width,
      codedHeight: ffprobe.height,
      levelIdc: ffprobe.level,
    });
    expect(sps.maxNumRefFrames).toBe(ffprobe.refs);
    const [numerator = 0, denominator = 1] = ffprobe.r_frame_rate.split("/").map(Number);
    expect(sps.framerate).toBeCloseTo(numerator / denominator, 6);
    if (sps.maxNumReorderFrames !== undefined) expect(sps.maxNumReorderFrames).toBe(ffprobe.has_b_frames);
  });

  it("reads crop, colour and interlacing of broadcast 1080", () => {
    const sps = parseSps(spsOf("h264-high-interlaced-1080"));
    expect(sps).toMatchObject({ codedWidth: 1920, codedHeight: 1080, frameMbsOnly: false });
    expect(sps.vui?.colour).toEqual({ fullRange: false, primaries: 1, transfer: 1, matrix: 1 });
  });

  it("reads the sample aspect ratio and gets past HRD parameters", () => {
    const sps = parseSps(spsOf("h264-hrd-anamorphic"));
    expect(sps).toMatchObject({ sarWidth: 64, sarHeight: 45, maxNumReorderFrames: 0 });
  });

  it("gets past scaling lists and crops 4:4:4 in single samples", () => {
    const sps = parseSps(spsOf("h264-high444-scaling-lists"));
    expect(sps).toMatchObject({ chromaFormatIdc: 3, codedWidth: 98, codedHeight: 62 });
  });

  it("reads bit depths, and leaves reordering open without bitstream_restriction", () => {
    const sps = parseSps(spsOf("h264-high10-intra"));
    expect(sps).toMatchObject({ bitDepthLuma: 10, bitDepthChroma: 10 });
    expect(sps.maxNumReorderFrames).toBeUndefined();
  });

  it("refuses another NAL type, a cropped-away picture and an SPS over the limit", () => {
    expect(() => parseSps(Uint8Array.of(0x68, 1, 2, 3))).toThrow(MediaError);
    const large = new Uint8Array(5000);
    large.set(spsOf("h264-main"));
    expect(() => parseSps(large)).toThrow(expect.objectContaining({ code: "too-large" }));
  });
});

describe("h264CodecString", () => {
  it("writes profile, constraints and level as six hex digits", () => {
    expect(h264CodecString(parseSps(spsOf("h264-baseline")))).toBe("avc1.42c00b");
    expect(h264CodecString(parseSps(spsOf("h264-high-cropped-1080")))).toMatch(/^avc1\.6400[0-9a-f]{2}$/);
  });
});
