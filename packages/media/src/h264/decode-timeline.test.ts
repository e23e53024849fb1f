import { describe, expect, it } from "vitest";
import { DecodeTimeline } from "./decode-timeline.ts";

/** Presentation times of an encoder with `bFrames` pictures between two references, in decoding order. */
function inDecodingOrder(groups: number, bFrames: number, frameUs: number): number[] {
  const times: number[] = [0];
  for (let group = 0; group < groups; group += 1) {
    const base = group * (bFrames + 1);
    times.push((base + bFrames + 1) * frameUs);
    for (let index = 1; index <= bFrames; index += 1) times.push((base + index) * frameUs);
  }
  return times;
}

describe("DecodeTimeline", () => {
  it("gives presentation times back where nothing is reordered", () => {
    const timeline = new DecodeTimeline(0, 33_333);
    const times = [1_000, 34_333, 67_666, 500_000];
    expect(times.map((time) => timeline.push(time))).toEqual(times);
  });

  it.each([1, 2, 3])("keeps decoding before presentation, in even steps, with a depth of %i", (depth) => {
    const timeline = new DecodeTimeline(depth, 40_000);
    // One picture at most stands in front of those that are shown before it.
    const times = inDecodingOrder(50, 3, 40_000);
    const decoding = times.map((time) => timeline.push(time));
    decoding.forEach((decodeUs, index) => {
      expect(decodeUs).toBeLessThanOrEqual(times[index] ?? 0);
      if (index > 0) expect(decodeUs - (decoding[index - 1] ?? 0)).toBe(40_000);
    });
  });

  it("finds out a depth that nobody announced, and stays monotone meanwhile", () => {
    const timeline = new DecodeTimeline(0, 40_000);
    const times = inDecodingOrder(40, 2, 40_000);
    const decoding = times.map((time) => timeline.push(time));
    expect(timeline.depth).toBeGreaterThan(0);
    expect(timeline.depth).toBeLessThanOrEqual(3);
    for (let index = 1; index < decoding.length; index += 1) {
      expect(decoding[index]).toBeGreaterThan(decoding[index - 1] ?? Number.NaN);
    }
    times.slice(12).forEach((time, index) => {
      expect(decoding[index + 12]).toBeLessThanOrEqual(time);
    });
  });

  it("is monotone for any times, and bounded", () => {
    const timeline = new DecodeTimeline(99, 1);
    expect(timeline.depth).toBe(16);
    let last = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < 2_000; index += 1) {
      const decodeUs = timeline.push((index * 7_919) % 1_000);
      expect(decodeUs).toBeGreaterThan(last);
      last = decodeUs;
    }
    expect(timeline.depth).toBe(16);
  });
});
