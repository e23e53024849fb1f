import { describe, expect, it } from "vitest";
import { LiveTiming } from "./live-timing.ts";

const START_US = 1_790_000_000_000_000;
const FRAME_US = 40_000;

/** A viewer whose clock is `aheadUs` before the edge's, at the live edge of a 25 fps track. */
function join(timing: LiveTiming, aheadUs: number, transitUs: number, hasServerClock: boolean): number {
  if (hasServerClock) timing.setServerOffset(-aheadUs);
  let nowUs = START_US + aheadUs;
  // The newest group so far: one second of frames in a burst.
  for (let index = -25; index < 0; index += 1) {
    nowUs += 500;
    timing.onArrival("video", nowUs, START_US + index * FRAME_US);
    timing.update(nowUs);
  }
  for (let index = 0; index < 100; index += 1) {
    nowUs = START_US + aheadUs + index * FRAME_US + transitUs;
    timing.onArrival("video", nowUs, START_US + index * FRAME_US);
    timing.update(nowUs);
  }
  return nowUs;
}

describe("LiveTiming", () => {
  it("presents at the wished latency from capture when it knows the edge's clock", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: false });
    const nowUs = join(timing, 7_000_000, 40_000, true);
    expect(timing.isAbsolute).toBe(true);
    expect(Math.abs(timing.latencyUs(nowUs) - 150_000)).toBeLessThan(13_000);
    const mediaUs = timing.clock.mediaUs(nowUs);
    expect(Math.abs(nowUs - 7_000_000 - mediaUs - 150_000)).toBeLessThan(13_000);
  });

  it("measures from the fastest frame without one", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: false });
    const nowUs = join(timing, -3_000_000, 40_000, false);
    expect(timing.isAbsolute).toBe(false);
    expect(Math.abs(timing.latencyUs(nowUs) - 150_000)).toBeLessThan(60_000);
  });

  it("is at the wished latency as soon as it learns the edge's clock, though that is amid the first burst", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: false });
    let nowUs = START_US;
    for (let index = -25; index < 0; index += 1) {
      if (index === -12) timing.setServerOffset(0);
      nowUs += 2_000;
      timing.onArrival("video", nowUs, START_US + index * FRAME_US);
      timing.update(nowUs);
    }
    expect(Math.abs(timing.latencyUs(nowUs) - 150_000)).toBeLessThan(13_000);
  });

  it("does not take the age of the first burst for jitter", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: false });
    join(timing, 0, 40_000, true);
    expect(timing.targetUs).toBe(150_000);
  });

  it("does not take for the path's need how long frames were held because it asked for that", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: true });
    timing.setServerOffset(0);
    for (let index = 0; index < 200; index += 1) {
      const timestampUs = START_US + index * FRAME_US;
      const nowUs = timestampUs + 240_000;
      timing.onArrival("video", nowUs, timestampUs, 200_000);
      timing.update(nowUs);
    }
    expect(timing.targetUs).toBe(150_000);
  });

  it("waits with the picture for sound that the browser plays by itself, while somebody hears it", () => {
    const timing = new LiveTiming({ latencyUs: 100_000, isSync: false });
    timing.setServerOffset(0);
    const play = (first: number, isAudible: boolean): void => {
      timing.setAudible(isAudible, 0);
      for (let index = first; index < first + 500; index += 1) {
        const nowUs = START_US + index * FRAME_US + 40_000;
        timing.onArrival("video", nowUs, START_US + index * FRAME_US);
        if (index % 12 === 0) timing.onSound(180_000, nowUs);
        timing.update(nowUs);
      }
    };
    play(0, false);
    expect(timing.targetUs).toBe(100_000);
    play(500, true);
    expect(timing.targetUs).toBeGreaterThan(190_000);
    expect(timing.targetUs).toBeLessThan(210_000);
  });

  it("treats times that are no wall-clock times as a clock of their own", () => {
    const timing = new LiveTiming({ latencyUs: 150_000, isSync: false });
    timing.setServerOffset(0);
    let nowUs = START_US;
    for (let index = 0; index < 100; index += 1) {
      nowUs = START_US + index * FRAME_US;
      timing.onArrival("video", nowUs, index * FRAME_US);
      timing.update(nowUs);
    }
    expect(timing.isAbsolute).toBe(false);
    expect(timing.clock.mediaUs(nowUs)).toBeCloseTo(99 * FRAME_US - 150_000, -4);
  });

  it("brings two viewers with different clocks and paths together in sync mode", () => {
    const near = new LiveTiming({ latencyUs: 300_000, isSync: true });
    const far = new LiveTiming({ latencyUs: 300_000, isSync: true });
    const nearNowUs = join(near, 2_000_000, 10_000, true);
    const farNowUs = join(far, -900_000, 160_000, true);
    const atUs = START_US + 5_000_000;
    const nearMediaUs = near.clock.mediaUs(nearNowUs) + (atUs + 2_000_000 - nearNowUs);
    const farMediaUs = far.clock.mediaUs(farNowUs) + (atUs - 900_000 - farNowUs);
    expect(Math.abs(nearMediaUs - farMediaUs)).toBeLessThan(10_000);
  });
});
