import { describe, expect, it } from "vitest";
import { joinAnnexB } from "../nal/annex-b.ts";
import { H264_VECTORS, loadVideo } from "../vectors-suite.ts";
import { isSlice, NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { peekSliceHeader, usesBFrames } from "./slice-header.ts";
import { parseSps } from "./sps.ts";

describe("peekSliceHeader", () => {
  it.each(H264_VECTORS)("agrees with ffprobe about the picture types of %s", (name) => {
    const { nals, pictures } = loadVideo(name);
    const sps = nals.find((nal) => nalUnitType(nal[0]) === NAL_SPS);
    if (!sps) throw new Error("no SPS");
    const headers = nals
      .filter((nal) => isSlice(nalUnitType(nal[0])))
      .map((nal) => peekSliceHeader(nal, parseSps(sps)));
    const firsts = headers.filter((header) => header.firstMb === 0);
    // ffprobe lists in presentation order, so only the numbers can be compared.
    expect(firsts.map((header) => header.sliceType).sort()).toEqual([...pictures].sort());
    expect(firsts[0]?.frameNum).toBe(0);
  });
});

describe("usesBFrames", () => {
  it("is true only for the stream with B-frames", () => {
    for (const name of H264_VECTORS) {
      expect([name, usesBFrames(loadVideo(name).bytes)]).toEqual([name, name === "h264-high-b-frames"]);
    }
  });

  it("counts a slice that ends in its header as none", () => {
    expect(usesBFrames(joinAnnexB([Uint8Array.of(0x41)]))).toBe(false);
  });
});
