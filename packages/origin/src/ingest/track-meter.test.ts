import { describe, expect, it } from "vitest";
import { TrackMeter } from "./track-meter.ts";

describe("TrackMeter", () => {
  it("measures rates over the last seconds", () => {
    const meter = new TrackMeter();
    for (let second = 0; second < 10; second++) {
      const bytes = second < 4 ? 1_000 : 5_000;
      for (let frame = 0; frame < 30; frame++) meter.count((second * 30 + frame) * 33_333, bytes);
      meter.sample(1_000_000 + second * 1_000);
    }
    expect(meter.framerate).toBeCloseTo(30);
    expect(meter.bitrateBps).toBeCloseTo(30 * 5_000 * 8);
    expect(meter.measuredSeconds).toBe(5);
  });

  it("knows nothing before a whole second and after a restart", () => {
    const meter = new TrackMeter();
    meter.count(0, 1_000);
    meter.sample(1_000);
    expect([meter.bitrateBps, meter.measuredSeconds]).toEqual([0, 0]);
    meter.count(1, 1_000);
    meter.sample(2_000);
    expect(meter.bitrateBps).toBe(8_000);
    meter.restart();
    expect([meter.bitrateBps, meter.measuredSeconds]).toEqual([0, 0]);
  });

  it("measures the distance of keyframes, and how long ago the last one was", () => {
    const meter = new TrackMeter();
    meter.keyframe(1_000_000);
    expect(meter.keyframeIntervalMs).toBeUndefined();
    meter.keyframe(3_000_000);
    expect(meter.keyframeIntervalMs).toBe(2_000);
    expect(meter.sinceKeyframeMs(4_500_000)).toBe(1_500);
  });
});
