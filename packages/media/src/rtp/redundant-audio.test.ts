import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { parseRedundantAudio, primaryOfRedundantAudio } from "./redundant-audio.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** One older block (PT 111, 960 ticks, 3 bytes) and the primary. */
const ONE_GENERATION = decodeHex("ef" + "0f0003" + "6f" + "aabbcc" + "ddee");

describe("parseRedundantAudio", () => {
  it("gives the older blocks and the primary", () => {
    const blocks = parseRedundantAudio(ONE_GENERATION);
    expect(blocks.map(({ data, ...rest }) => ({ ...rest, data: encodeHex(data) }))).toEqual([
      { payloadType: 111, timestampOffset: 960, data: "aabbcc" },
      { payloadType: 111, timestampOffset: 0, data: "ddee" },
    ]);
  });

  it("agrees with primaryOfRedundantAudio", () => {
    for (const bytes of [
      ONE_GENERATION,
      decodeHex("6f" + "ddee"),
      decodeHex("ef0f0000" + "ef070001" + "6f" + "aa" + "bb"),
    ]) {
      expect(primaryOfRedundantAudio(bytes)).toEqual(parseRedundantAudio(bytes).at(-1));
    }
  });

  it("refuses lengths past the end, no header at all and more than 16 blocks", () => {
    for (const read of [parseRedundantAudio, primaryOfRedundantAudio]) {
      expect(() => read(new Uint8Array(0))).toThrow(code("truncated"));
      expect(() => read(decodeHex("ef0f0003"))).toThrow(code("truncated"));
      expect(() => read(decodeHex("ef0f00036f" + "aabb"))).toThrow(code("truncated"));
      expect(() => read(decodeHex(`${"ef0f0000".repeat(20)}6f`))).toThrow(code("too-many"));
    }
  });
});
