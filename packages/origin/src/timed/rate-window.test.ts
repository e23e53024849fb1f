import { describe, expect, it } from "vitest";
import { RateWindow } from "./rate-window.ts";

describe("RateWindow", () => {
  it("lets a number of messages through in any second, not only in whole ones", () => {
    const window = new RateWindow(3, 1_000);
    const taken = [0, 500, 900, 950, 1_000, 1_400, 1_500].map((nowMs) => window.take(nowMs, 1));
    expect(taken).toEqual([undefined, undefined, undefined, "messages", undefined, "messages", undefined]);
  });

  it("lets a number of bytes through, and counts nothing for what it refuses", () => {
    const window = new RateWindow(100, 1_000);
    expect(window.take(0, 600)).toBeUndefined();
    expect(window.take(1, 600)).toBe("bytes");
    expect(window.take(2, 400)).toBeUndefined();
    expect(window.take(1_000, 600)).toBeUndefined();
  });
});
