import { describe, expect, it } from "vitest";
import { isWorthTelling } from "./rate-change.ts";

describe("isWorthTelling", () => {
  it("tells a rate that nobody announced", () => {
    expect(isWorthTelling(undefined, 900_000)).toBe(true);
    expect(isWorthTelling(0, 900_000)).toBe(true);
  });

  it("keeps what was announced while the encoder swings around it or has little to send", () => {
    for (const measured of [50_000, 600_000, 1_000_000, 1_900_000])
      expect(isWorthTelling(1_000_000, measured)).toBe(false);
  });

  it("corrects a rate that is far too low", () => {
    expect(isWorthTelling(1_000_000, 2_100_000)).toBe(true);
  });
});
