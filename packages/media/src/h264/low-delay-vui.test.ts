import { describe, expect, it } from "vitest";
import { BitReader } from "../bytes/bit-reader.ts";
import { BitWriter } from "../bytes/bit-writer.ts";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { insertEmulationPrevention, removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { H264_VECTORS, loadVideo } from "../vectors-suite.ts";
import { withLowDelayVui } from "./low-delay-vui.ts";
import { NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { parseSps } from "./sps.ts";

function spsOf(name: string): Uint8Array {
  const nal = loadVideo(name).nals.find((candidate) => nalUnitType(candidate[0]) === NAL_SPS);
  if (!nal) throw new Error(`${name} has no SPS`);
  return nal;
}

function bitsOf(sps: Uint8Array, count: number): string {
  const reader = new BitReader(removeEmulationPrevention(sps), "SPS");
  return Array.from({ length: count }, () => reader.bits(1)).join("");
}

/** The same SPS without any VUI, as many hardware encoders write it. */
function withoutVui(sps: Uint8Array): Uint8Array {
  const { vuiFlagPosition } = parseSps(sps);
  const writer = new BitWriter();
  for (const bit of bitsOf(sps, vuiFlagPosition)) writer.bits(Number(bit), 1);
  writer.flag(false);
  writer.trailingBits();
  return insertEmulationPrevention(writer.finish());
}

describe("withLowDelayVui", () => {
  it.each(H264_VECTORS)("rewrites only the end of the SPS of %s", (name) => {
    const sps = spsOf(name);
    const before = parseSps(sps);
    const low = withLowDelayVui(sps);
    const after = parseSps(low);
    expect(after).toMatchObject({ maxNumReorderFrames: 0, maxDecFrameBuffering: before.maxNumRefFrames });
    const kept = before.vui?.restrictionFlagPosition ?? before.vuiFlagPosition;
    expect(bitsOf(low, kept)).toBe(bitsOf(sps, kept));
    expect({ ...after, vui: undefined, maxNumReorderFrames: 0, maxDecFrameBuffering: 0 }).toEqual({
      ...before,
      vui: undefined,
      maxNumReorderFrames: 0,
      maxDecFrameBuffering: 0,
    });
  });

  it.each(H264_VECTORS)("adds a VUI to the SPS of %s when it has none", (name) => {
    const bare = withoutVui(spsOf(name));
    const before = parseSps(bare);
    expect(before.vui).toBeUndefined();
    const after = parseSps(withLowDelayVui(bare));
    expect(after).toMatchObject({
      codedWidth: before.codedWidth,
      codedHeight: before.codedHeight,
      maxNumReorderFrames: 0,
      maxDecFrameBuffering: before.maxNumRefFrames,
    });
    expect(after.framerate).toBeUndefined();
  });

  it("hands back the input when it already says so", () => {
    const sps = spsOf("h264-baseline");
    expect(withLowDelayVui(sps)).toBe(sps);
    const low = withLowDelayVui(spsOf("h264-high-b-frames"));
    expect(withLowDelayVui(low)).toBe(low);
  });

  it("writes these exact bits", () => {
    // x264 High 320x180: reorder 2, buffering 4 become 0 and 4.
    const sps = decodeHex("6764000dacd941419f9f0110000003001000000303c0f1429960");
    expect(encodeHex(withLowDelayVui(sps))).toBe("6764000dacd941419f9f0110000003001000000303c0f142a580");
  });
});
