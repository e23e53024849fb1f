import { describe, expect, it } from "vitest";
import { statEntries } from "./stat-entries.ts";

describe("statEntries", () => {
  it("flattens what the player reports into readable names", () => {
    expect(
      statEntries({ decodedFrames: 1200, video: { codec: "avc1", jitterMs: 3.256 }, gone: undefined }),
    ).toEqual([
      ["decoded frames", "1,200"],
      ["video codec", "avc1"],
      ["video jitter ms", "3.26"],
    ]);
  });

  it("leaves long lists out", () => {
    expect(
      statEntries({ renditions: ["hd", "sd"], presented: Array.from({ length: 300 }, () => 1) }),
    ).toEqual([["renditions", "hd, sd"]]);
  });

  it("shows nothing for a player without statistics", () => {
    expect(statEntries(undefined)).toEqual([]);
  });
});
