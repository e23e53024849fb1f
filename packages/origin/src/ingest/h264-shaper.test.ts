import { buildAvcDecoderConfig, joinAnnexB, parseSps, splitAnnexB } from "@canopy/media/h264";
import { describe, expect, it } from "vitest";
import { H264Shaper } from "./h264-shaper.ts";

/** `bits` as text, filled up with zeros. */
function bytesOf(bits: string): number[] {
  const text = bits.replaceAll(" ", "");
  return Array.from({ length: Math.ceil(text.length / 8) }, (_, index) =>
    Number.parseInt(text.slice(index * 8, index * 8 + 8).padEnd(8, "0"), 2),
  );
}

/** 640×368, one reference frame, no VUI: nothing says that pictures are in order. Profile, then level 3. */
function spsWithoutVui(profile: number): Uint8Array {
  const fields = "1 1 011 010 0 00000101000 000010111 1 1 0 0 1";
  return Uint8Array.from([0x67, profile, 0, 30, ...bytesOf(fields)]);
}

const MAIN = 77;
const BASELINE = 66;
const PPS = Uint8Array.from([0x68, 0xce, 0x38, 0x80]);
const IDR = Uint8Array.from([0x65, 0x88, 0x84, 0x21, 0xa0]);
const P = Uint8Array.from([0x41, 0x9a, 0x21, 0x6c]);
const B = Uint8Array.from([0x01, 0x9e, 0x21, 0x6c]);
const SEI = Uint8Array.from([0x06, 0x05, 0x01, 0x55, 0x80]);

function avcC(profile: number): Uint8Array {
  return buildAvcDecoderConfig({ sps: [spsWithoutVui(profile)], pps: [PPS] });
}

function lengthPrefixed(...nals: Uint8Array[]): Uint8Array {
  return Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, nal.length]), nal]));
}

/** max_num_reorder_frames of the SPS that stands in a shaped keyframe. */
function reorderFrames(annexB: Uint8Array | undefined): number | undefined {
  const sps = splitAnnexB(annexB ?? new Uint8Array()).find((nal) => (nal[0] ?? 0) % 32 === 7);
  return sps === undefined ? undefined : parseSps(sps).maxNumReorderFrames;
}

function configured(profile: number): H264Shaper {
  const shaper = new H264Shaper();
  expect(shaper.configure(avcC(profile))).toBe(true);
  return shaper;
}

describe("H264Shaper", () => {
  it("puts parameter sets before every IDR and tells what the stream is", () => {
    const shaper = configured(MAIN);
    expect(shaper.codec).toBe("avc1.4d001e");
    expect(shaper.sps).toMatchObject({ codedWidth: 640, codedHeight: 368 });
    const key = shaper.shapeLengthPrefixed(lengthPrefixed(SEI, IDR));
    expect(key?.keyframe).toBe(true);
    expect(splitAnnexB(key?.annexB ?? new Uint8Array()).map((nal) => (nal[0] ?? 0) % 32)).toEqual([
      7, 8, 6, 5,
    ]);
    const inter = shaper.shapeLengthPrefixed(lengthPrefixed(P));
    expect(inter).toEqual({ keyframe: false, annexB: joinAnnexB([P]) });
  });

  it("shows nothing of an access unit without a picture", () => {
    expect(configured(MAIN).shapeLengthPrefixed(lengthPrefixed(SEI))).toBeUndefined();
  });

  it("notices whether a decoder configuration is news", () => {
    const shaper = configured(MAIN);
    expect(shaper.configure(avcC(MAIN))).toBe(false);
    expect(shaper.configure(avcC(BASELINE))).toBe(true);
    expect(shaper.codec).toBe("avc1.42001e");
  });

  it("says that pictures are in order once a group has passed without B-frames", () => {
    const shaper = configured(MAIN);
    expect(reorderFrames(shaper.shapeLengthPrefixed(lengthPrefixed(IDR))?.annexB)).toBeUndefined();
    for (let frame = 0; frame < 30; frame++) shaper.shapeLengthPrefixed(lengthPrefixed(P));
    expect(shaper.lowDelay).toBe(false);
    expect(reorderFrames(shaper.shapeLengthPrefixed(lengthPrefixed(IDR))?.annexB)).toBe(0);
    expect(shaper.lowDelay).toBe(true);
  });

  it("says so as well where the encoder repeats its SPS in front of every IDR", () => {
    const shaper = configured(MAIN);
    const idr = lengthPrefixed(spsWithoutVui(MAIN), PPS, IDR);
    expect(reorderFrames(shaper.shapeLengthPrefixed(idr)?.annexB)).toBeUndefined();
    for (let frame = 0; frame < 30; frame++) shaper.shapeLengthPrefixed(lengthPrefixed(P));
    const key = shaper.shapeLengthPrefixed(idr);
    expect(reorderFrames(key?.annexB)).toBe(0);
    expect(splitAnnexB(key?.annexB ?? new Uint8Array())).toHaveLength(3);
    expect(shaper.codec).toBe("avc1.4d001e");
  });

  it("follows an SPS that changes in front of an IDR without its PPS", () => {
    const shaper = configured(BASELINE);
    const key = shaper.shapeLengthPrefixed(lengthPrefixed(spsWithoutVui(MAIN), IDR));
    expect(shaper.codec).toBe("avc1.4d001e");
    expect(reorderFrames(key?.annexB)).toBeUndefined();
  });

  it("keeps a picture parameter set that is not repeated", () => {
    const shaper = new H264Shaper();
    const second = Uint8Array.from([0x68, 0x4e, 0x38, 0x80]);
    shaper.configure(buildAvcDecoderConfig({ sps: [spsWithoutVui(MAIN)], pps: [PPS, second] }));
    const key = shaper.shapeLengthPrefixed(lengthPrefixed(spsWithoutVui(MAIN), PPS, IDR));
    expect(splitAnnexB(key?.annexB ?? new Uint8Array())).toContainEqual(second);
  });

  it("says so at once for Baseline, which has no B-frames", () => {
    const shaper = configured(BASELINE);
    expect(reorderFrames(shaper.shapeLengthPrefixed(lengthPrefixed(IDR))?.annexB)).toBe(0);
  });

  it("does not say so when there are B-frames, and takes it back when they come later", () => {
    const early = configured(MAIN);
    early.shapeLengthPrefixed(lengthPrefixed(IDR));
    early.shapeLengthPrefixed(lengthPrefixed(B));
    expect(early.bFrames).toBe(true);
    for (let frame = 0; frame < 30; frame++) early.shapeLengthPrefixed(lengthPrefixed(P));
    expect(reorderFrames(early.shapeLengthPrefixed(lengthPrefixed(IDR))?.annexB)).toBeUndefined();

    const late = configured(BASELINE);
    late.shapeLengthPrefixed(lengthPrefixed(IDR));
    late.shapeLengthPrefixed(lengthPrefixed(B));
    expect(reorderFrames(late.shapeLengthPrefixed(lengthPrefixed(IDR))?.annexB)).toBeUndefined();
  });

  it("learns parameter sets from the stream where no configuration gives them", () => {
    const shaper = new H264Shaper();
    const key = shaper.shapeAnnexB(joinAnnexB([spsWithoutVui(MAIN), PPS, IDR]));
    expect(key?.keyframe).toBe(true);
    expect(shaper.codec).toBe("avc1.4d001e");
    const bare = shaper.shapeAnnexB(joinAnnexB([IDR]));
    expect(splitAnnexB(bare?.annexB ?? new Uint8Array())).toHaveLength(3);
  });

  it("refuses an IDR without parameter sets and lengths that point past the end", () => {
    expect(() => new H264Shaper().shapeLengthPrefixed(lengthPrefixed(IDR))).toThrowError(
      expect.objectContaining({ code: "missing-sps" }),
    );
    expect(() => configured(MAIN).shapeLengthPrefixed(Buffer.from([0, 0, 1, 0, 0x65]))).toThrowError(
      expect.objectContaining({ code: "truncated" }),
    );
  });
});
