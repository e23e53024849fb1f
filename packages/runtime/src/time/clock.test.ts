import { describe, expect, it } from "vitest";
import { createClock } from "./clock.ts";

function fakeSources() {
  const at = { trueMs: 1_000_000.25, steadyErrorMs: 0 };
  const clock = createClock({
    wallMs: () => Math.floor(at.trueMs),
    steadyMs: () => at.trueMs + at.steadyErrorMs,
  });
  return { at, clock };
}

describe("createClock", () => {
  it("has a finer resolution than the wall clock", () => {
    const { at, clock } = fakeSources();
    const first = clock.nowUs();
    at.trueMs += 0.125;
    expect(clock.nowUs() - first).toBe(125);
    expect(clock.nowMs()).toBeCloseTo(1_000_000.375, 3);
  });

  it("follows the wall clock within a millisecond while the steady one drifts", () => {
    const { at, clock } = fakeSources();
    for (let second = 0; second < 3_600; second += 1) {
      at.trueMs += 1_000;
      at.steadyErrorMs += second < 1_800 ? 0.05 : -0.05;
      expect(Math.abs(clock.nowMs() - at.trueMs)).toBeLessThan(1.2);
    }
  });

  it("never runs backwards for small corrections, and follows a large one", () => {
    const { at, clock } = fakeSources();
    const before = clock.nowUs();
    at.trueMs += 1_000;
    at.steadyErrorMs += 0;
    const later = clock.nowUs();
    expect(later).toBeGreaterThan(before);
    // The wall is set back by half a second: time stands still until it is caught up.
    at.trueMs -= 500;
    at.steadyErrorMs += 1_600;
    expect(clock.nowUs()).toBe(later);
    // Set back by a minute: followed.
    at.trueMs -= 60_000;
    at.steadyErrorMs += 62_000;
    expect(clock.nowUs()).toBeLessThan(later - 50_000_000);
  });

  it("agrees with the machine's wall clock", () => {
    expect(Math.abs(createClock().nowMs() - Date.now())).toBeLessThan(50);
  });
});
