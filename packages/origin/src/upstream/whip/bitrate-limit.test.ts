import { describe, expect, it } from "vitest";
import { BitrateLimit } from "./bitrate-limit.ts";

describe("BitrateLimit", () => {
  it("stays at the configured rate while packets come through", () => {
    const limit = new BitrateLimit({ highestBps: 4_000_000 });
    for (let i = 0; i < 10; i += 1) expect(limit.update(0.01, 3_000_000)).toBe(4_000_000);
  });

  it("gives way to loss, holds between the two thresholds, and comes back", () => {
    const limit = new BitrateLimit({ highestBps: 4_000_000 });
    expect(limit.update(0.2, 2_000_000)).toBe(1_700_000);
    expect(limit.update(0.05, 1_600_000)).toBe(1_700_000);
    let last = 1_700_000;
    for (let i = 0; i < 20; i += 1) {
      const next = limit.update(0, last);
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
    expect(last).toBe(4_000_000);
  });

  it("never asks for less than a picture needs", () => {
    const limit = new BitrateLimit({ highestBps: 4_000_000 });
    for (let i = 0; i < 10; i += 1) limit.update(1, 0);
    expect(limit.update(1, 0)).toBe(150_000);
  });
});
