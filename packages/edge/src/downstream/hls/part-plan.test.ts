import { describe, expect, it } from "vitest";
import { planPictureParts, planSoundParts } from "./part-plan.ts";

/** Pictures of a part. */
function framesAt(framerate: number): number {
  const frameUs = 1e6 / framerate;
  return Math.round(planPictureParts(frameUs).partUs / frameUs);
}

describe("planPictureParts", () => {
  it.each([
    [10, 4],
    [15, 5],
    [20, 5],
    [24, 6],
    [25, 10],
    [30_000 / 1_001, 10],
    [30, 10],
    [48, 12],
    [50, 17],
    [60, 15],
    [120, 30],
  ])("divides usual segments at %d pictures a second into parts of %d", (framerate, frames) => {
    expect(framesAt(framerate)).toBe(frames);
    const lastMs = (((2 * Math.round(framerate)) % frames || frames) * 1_000) / framerate;
    expect(lastMs).toBeGreaterThanOrEqual(230);
  });

  it("takes the usual length where none divides them, and at least one picture", () => {
    expect(framesAt(7)).toBe(2);
    expect(framesAt(1)).toBe(1);
  });

  it("has a target that a part of sound keeps, too", () => {
    expect(planPictureParts(1e6 / 30).partTargetSeconds).toBe(0.356);
  });
});

describe("planSoundParts", () => {
  it("takes the whole number of frames nearest below 310 ms", () => {
    expect(planSoundParts(20_000)).toEqual({ partUs: 300_000, partTargetSeconds: 0.322 });
  });
});
