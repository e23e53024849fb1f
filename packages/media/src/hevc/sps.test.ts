import { describe, expect, it } from "vitest";
import { joinBytes } from "../bytes/join.ts";
import { HEVC_VECTORS, loadVideo } from "../vectors-suite.ts";
import { hevcParameterSetsToAnnexB, parseHevcDecoderConfig } from "./hevc-decoder-config.ts";
import { HEVC_PPS, HEVC_SPS, HEVC_VPS, hevcNalUnitType } from "./nal-unit-type.ts";
import { parseHevcPps, parseHevcVps } from "./parameter-sets.ts";
import { hevcCodecString } from "./profile-tier-level.ts";
import { parseHevcSps } from "./sps.ts";

function setOf(name: string, type: number): Uint8Array {
  const nal = loadVideo(name).nals.find((candidate) => hevcNalUnitType(candidate[0]) === type);
  if (!nal) throw new Error(`${name} has no NAL of type ${type}`);
  return nal;
}

describe("parseHevcSps", () => {
  it.each(HEVC_VECTORS)("agrees with ffprobe about %s", (name) => {
    const { ffprobe } = loadVideo(name);
    const sps = parseHevcSps(setOf(name, HEVC_SPS));
    const [numerator = 0, denominator = 1] = ffprobe.r_frame_rate.split("/").map(Number);
    expect(sps).toMatchObject({
      codedWidth: ffprobe.width,
      codedHeight: ffprobe.height,
      levelIdc: ffprobe.level,
      maxNumReorderFrames: ffprobe.has_b_frames,
      profileIdc: ffprobe.profile === "Main 10" ? 2 : 1,
      bitDepthLuma: ffprobe.pix_fmt === "yuv420p10le" ? 10 : 8,
    });
    expect(sps.framerate).toBeCloseTo(numerator / denominator, 6);
  });

  it("refuses another NAL type and an SPS over the limit", () => {
    expect(() => parseHevcSps(setOf("hevc-main", HEVC_PPS))).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
    const large = joinBytes([setOf("hevc-main", HEVC_SPS), new Uint8Array(9000)]);
    expect(() => parseHevcSps(large)).toThrow(expect.objectContaining({ code: "too-large" }));
  });
});

describe("parseHevcVps and parseHevcPps", () => {
  it.each(HEVC_VECTORS)("read the front of %s", (name) => {
    const { ffprobe } = loadVideo(name);
    expect(parseHevcVps(setOf(name, HEVC_VPS))).toMatchObject({
      vpsId: 0,
      maxLayers: 1,
      levelIdc: ffprobe.level,
    });
    expect(parseHevcPps(setOf(name, HEVC_PPS))).toEqual({ ppsId: 0, spsId: 0 });
  });
});

describe("hevcCodecString", () => {
  it("reverses the compatibility flags and drops trailing zero bytes", () => {
    expect(hevcCodecString(parseHevcSps(setOf("hevc-main", HEVC_SPS)))).toBe("hvc1.1.6.L30.90");
    expect(hevcCodecString(parseHevcSps(setOf("hevc-main10-b-frames", HEVC_SPS)))).toBe("hvc1.2.4.L60.90");
  });
});

describe("parseHevcDecoderConfig", () => {
  const sets = [HEVC_VPS, HEVC_SPS, HEVC_PPS].map((type) => setOf("hevc-main", type));
  const array = (nal: Uint8Array, type: number) => [
    0x80 | type,
    0,
    1,
    nal.length >> 8,
    nal.length & 255,
    ...nal,
  ];
  const front = [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f];
  const record = Uint8Array.from([...front, 3, ...sets.flatMap((nal, i) => array(nal, HEVC_VPS + i))]);

  it("gives the parameter sets by kind, and Annex B of them", () => {
    const config = parseHevcDecoderConfig(record);
    expect(config).toMatchObject({ nalLengthSize: 4, profileIdc: 1, levelIdc: 60 });
    expect([...config.vps, ...config.sps, ...config.pps]).toEqual(sets);
    expect(hevcCodecString(config)).toBe("hvc1.1.6.L60.90");
    expect([...hevcParameterSetsToAnnexB(config).subarray(0, 5)]).toEqual([0, 0, 0, 1, 0x40]);
  });

  it("refuses truncation at every byte", () => {
    for (let end = 0; end < record.length; end += 1) {
      expect(() => parseHevcDecoderConfig(record.subarray(0, end))).toThrow(
        expect.objectContaining({ code: "truncated" }),
      );
    }
  });
});
