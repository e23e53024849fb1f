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
  it("is true only for pictures of the stream with B-frames", () => {
    for (const name of H264_VECTORS) {
      const { nals, pictures } = loadVideo(name);
      const slices = nals.filter((nal) => isSlice(nalUnitType(nal[0])) && peekSliceHeader(nal).firstMb === 0);
      const found = slices.filter((nal) => usesBFrames(joinAnnexB([nal]))).length;
      expect([name, found]).toEqual([name, pictures.filter((type) => type === "B").length]);
    }
  });

  it("looks at every slice while none speaks for the whole picture", () => {
    const p = Uint8Array.of(0x41, 0b1_1_000000, 0x80);
    const b = Uint8Array.of(0x01, 0b1_010_0000, 0x80);
    const allP = Uint8Array.of(0x41, 0b1_00110_00, 0x80);
    expect(usesBFrames(joinAnnexB([p, p, b]))).toBe(true);
    expect(usesBFrames(joinAnnexB([allP, b]))).toBe(false);
  });

  it("counts a slice that ends in its header as none", () => {
    expect(usesBFrames(joinAnnexB([Uint8Array.of(0x41)]))).toBe(false);
  });
});
