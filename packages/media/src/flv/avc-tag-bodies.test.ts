import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { type AvcParameterSets, readAvcParameterSets } from "../h264/parameter-sets.ts";
import { avcFrameBody, avcSequenceHeaderBody } from "./avc-tag-bodies.ts";

// What libx264 makes for 1280 x 720, constrained baseline, level 3.1.
const PARAMETER_SETS = decodeHex(
  "000000016742c01fda014016e9a808080a000003000200000300791e3065400000000168ce3c80",
);

describe("avcSequenceHeaderBody", () => {
  it("carries the parameter sets as AVCDecoderConfigurationRecord", () => {
    const sets = readAvcParameterSets(PARAMETER_SETS) as AvcParameterSets;
    expect(encodeHex(avcSequenceHeaderBody(sets))).toBe(
      "17000000000142c01fffe1001b6742c01fda014016e9a808080a000003000200000300791e30654001000468ce3c80",
    );
  });

  it("has nothing to carry of a stream without parameter sets", () => {
    expect(readAvcParameterSets(decodeHex("0000000165aa"))).toBeUndefined();
  });
});

describe("avcFrameBody", () => {
  it("prefixes SEI and slices with their length and leaves parameter sets to the sequence header", () => {
    const unit = Uint8Array.of(...PARAMETER_SETS, 0, 0, 0, 1, 0x06, 0x05, 0x80, 0, 0, 0, 1, 0x65, 0xaa);
    expect(encodeHex(avcFrameBody(unit, true, 66))).toBe("17010000420000000306058000000002" + "65aa");
  });
});
