import { describe, expect, it } from "vitest";
import { ArrivalPace } from "./arrival-pace.ts";

describe("ArrivalPace", () => {
  it("is not live during the first burst, and is from the first frame at live pace", () => {
    const pace = new ArrivalPace();
    for (let index = 0; index < 30; index += 1) {
      expect(pace.onArrival(1_000_000 + index * 500, index * 33_000)).toBe(false);
    }
    expect(pace.onArrival(1_048_000, 30 * 33_000)).toBe(true);
    expect(pace.onArrival(1_048_100, 31 * 33_000)).toBe(true);
    pace.reset();
    expect(pace.isLive).toBe(false);
  });

  it("does not count B-frames, whose times go back", () => {
    const pace = new ArrivalPace();
    pace.onArrival(0, 0);
    pace.onArrival(100, 120_000);
    expect(pace.onArrival(200, 40_000)).toBe(false);
  });
});
