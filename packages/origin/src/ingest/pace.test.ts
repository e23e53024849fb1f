import { describe, expect, it } from "vitest";
import { Pace } from "./pace.ts";

const START_US = 1_780_000_000_000_000;

describe("Pace", () => {
  it("never holds a live encoder, also when its clock runs fast or it delivers a backlog", () => {
    const pace = new Pace();
    let longestMs = 0;
    for (let frame = 0; frame < 200_000; frame++) {
      const timestampUs = frame * 33_333 * 1.0003;
      const stalled = frame % 10_000 < 100;
      const arrivalUs = START_US + (stalled ? Math.floor(frame / 10_000) * 10_000 + 100 : frame) * 33_333;
      longestMs = Math.max(longestMs, pace.observe(timestampUs, arrivalUs));
    }
    // Not one `expect` a frame: those would take a hundred times as long as what they look at.
    expect(longestMs).toBe(0);
  });

  it("holds a recording that is pushed as fast as possible to real time", () => {
    const pace = new Pace();
    let nowUs = START_US;
    for (let frame = 0; frame < 3_000; frame++) nowUs += pace.observe(frame * 33_333, nowUs) * 1_000;
    const seconds = (nowUs - START_US) / 1e6;
    expect(seconds).toBeGreaterThan(94);
    expect(seconds).toBeLessThan(100);
  });

  it("starts anew when timestamps jump", () => {
    const pace = new Pace();
    for (let frame = 0; frame < 140; frame++) pace.observe(frame * 33_333, START_US);
    expect(pace.observe(9e9, START_US)).toBe(0);
    expect(pace.observe(9e9 + 33_333, START_US)).toBe(0);
  });
});
