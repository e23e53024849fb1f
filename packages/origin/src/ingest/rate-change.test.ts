import { describe, expect, it } from "vitest";
import { isWorthTelling } from "./rate-change.ts";

describe("isWorthTelling", () => {
  it("tells a rate that nobody announced", () => {
    expect(isWorthTelling(undefined, 900_000)).toBe(true);
    expect(isWorthTelling(0, 900_000)).toBe(true);
  });

  it("keeps what was announced while the encoder swings around it", () => {
    for (const measured of [600_000, 1_000_000, 1_900_000])
      expect(isWorthTelling(1_000_000, measured)).toBe(false);
    expect(isWorthTelling(1_000_000, 2_100_000)).toBe(true);
    expect(isWorthTelling(1_000_000, 450_000)).toBe(true);
  });
});
