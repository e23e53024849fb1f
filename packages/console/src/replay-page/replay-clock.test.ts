import { describe, expect, it } from "vitest";
import { currentIndex, formatOffset } from "./replay-clock.ts";

describe("formatOffset", () => {
  it("shows hours only where there are any", () => {
    expect([0, 61.9, 3_723].map(formatOffset)).toEqual(["0:00", "1:01", "1:02:03"]);
  });
});

describe("currentIndex", () => {
  it("finds the last message whose moment has come", () => {
    const messages = [1, 2, 2, 5].map((offsetSeconds) => ({ offsetSeconds }));
    expect([0, 1, 1.5, 2, 4.99, 9].map((seconds) => currentIndex(messages, seconds))).toEqual([
      -1, 0, 0, 2, 2, 3,
    ]);
    expect(currentIndex([], 1)).toBe(-1);
  });
});
