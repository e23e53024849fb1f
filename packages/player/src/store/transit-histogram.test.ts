import { describe, expect, it } from "vitest";
import { TransitHistogram } from "./transit-histogram.ts";

describe("TransitHistogram", () => {
  it("gives quantiles to its bucket width", () => {
    const histogram = new TransitHistogram();
    for (let index = 0; index < 100; index += 1) histogram.add(index * 1_000, 0);
    expect(histogram.quantileUs(0.5)).toBeGreaterThanOrEqual(50_000);
    expect(histogram.quantileUs(0.5)).toBeLessThanOrEqual(60_000);
    expect(histogram.quantileUs(1)).toBe(100_000);
  });

  it("forgets, and stays exact over a day of frames", () => {
    const histogram = new TransitHistogram();
    const frameUs = 33_333;
    for (let index = 0; index < 200_000; index += 1) histogram.add(500_000, index * frameUs);
    for (let index = 200_000; index < 202_000; index += 1) histogram.add(10_000, index * frameUs);
    expect(histogram.quantileUs(0.99)).toBe(15_000);
  });

  it("gives the first second little weight a few seconds later: the page was still loading", () => {
    const histogram = new TransitHistogram();
    for (let index = 0; index < 150; index += 1) {
      histogram.add(index < 15 ? 400_000 : 10_000, index * 33_333);
    }
    expect(histogram.quantileUs(0.95)).toBe(15_000);
  });

  it("counts what is out of range at its ends", () => {
    const histogram = new TransitHistogram();
    histogram.add(-50_000, 0);
    expect(histogram.quantileUs(1)).toBe(5_000);
    histogram.add(60_000_000, 0);
    expect(histogram.quantileUs(1)).toBe(10_000_000);
    histogram.clear();
    expect(histogram.isEmpty).toBe(true);
    expect(histogram.quantileUs(0.5)).toBe(0);
  });
});
