import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.ts";

describe("backoffMs", () => {
  it("doubles up to the cap", () => {
    const options = { baseMs: 100, capMs: 5_000 };
    const waits = [0, 1, 2, 5, 6, 1_000].map((attempt) => backoffMs(attempt, 0.999999, options));
    expect(waits).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
  });

  it("takes at least half, so that nobody retries at once", () => {
    expect(backoffMs(0, 0)).toBe(50);
    expect(backoffMs(20, 0)).toBe(2_500);
  });
});
