import { describe, expect, it } from "vitest";
import { ArrivalPace } from "./arrival-pace.ts";

const FRAME_US = 40_000;

/** Frames `from` to `to` (exclusive), frame `i` arriving at `arrivalUs(i)`; what was said of the last one. */
function arrive(pace: ArrivalPace, from: number, to: number, arrivalUs: (index: number) => number): boolean {
  let isLive = false;
  for (let index = from; index < to; index += 1) {
    isLive = pace.onArrival(arrivalUs(index), index * FRAME_US);
  }
  return isLive;
}

describe("ArrivalPace", () => {
  it("tells the burst from the live frames after it", () => {
    const pace = new ArrivalPace();
    expect(arrive(pace, 0, 25, (index) => 1_000_000 + index * 500)).toBe(false);
    expect(arrive(pace, 25, 50, (index) => index * FRAME_US)).toBe(true);
  });

  it("takes no pause in a burst for the end of it", () => {
    const pace = new ArrivalPace();
    const busyUs = (index: number): number => 1_000_000 + index * 500 + (index >= 12 ? 200_000 : 0);
    expect(arrive(pace, 0, 30, busyUs)).toBe(false);
  });

  it("stays live through later bursts, until the path changes", () => {
    const pace = new ArrivalPace();
    expect(arrive(pace, 0, 25, (index) => index * FRAME_US)).toBe(true);
    expect(arrive(pace, 25, 40, (index) => 1_600_000 + index)).toBe(true);
    pace.reset();
    expect(arrive(pace, 40, 42, (index) => index * FRAME_US)).toBe(false);
  });
});
