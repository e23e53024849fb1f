import { describe, expect, it } from "vitest";
import { CaptureClock } from "./capture-clock.ts";

const START_US = 1_795_416_000_000_000;

describe("CaptureClock", () => {
  it("takes the frame that was delayed least as the measure", () => {
    const clock = new CaptureClock();
    const delays = [30_000, 12_000, 5_000, 40_000, 9_000];
    for (const [index, delayUs] of delays.entries()) {
      clock.observe(index * 33_333, START_US + index * 33_333 + delayUs);
    }
    expect(clock.toWallUs(4 * 33_333)).toBeGreaterThanOrEqual(START_US + 4 * 33_333 + 5_000);
    expect(clock.toWallUs(4 * 33_333)).toBeLessThan(START_US + 4 * 33_333 + 5_100);
  });

  it("follows a capture clock that runs slow", () => {
    const clock = new CaptureClock();
    const slow = 1 - 100e-6;
    for (let second = 0; second < 600; second++) {
      clock.observe(second * 1e6 * slow, START_US + second * 1e6);
    }
    expect(Math.abs(clock.toWallUs(599e6 * slow) - (START_US + 599e6))).toBeLessThan(1_000);
  });

  it("starts anew when the timestamps jump", () => {
    const clock = new CaptureClock();
    clock.observe(0, START_US);
    clock.observe(500e6, START_US + 33_333);
    expect(clock.toWallUs(500e6)).toBe(START_US + 33_333);
  });
});
