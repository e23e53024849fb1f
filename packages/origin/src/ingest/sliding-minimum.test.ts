import { describe, expect, it } from "vitest";
import { SlidingMinimum } from "./sliding-minimum.ts";

describe("SlidingMinimum", () => {
  it("is infinite while empty and the smallest value afterwards", () => {
    const window = new SlidingMinimum(1000, 10);
    expect(window.minimum).toBe(Number.POSITIVE_INFINITY);
    window.push(0, 5);
    window.push(50, 3);
    window.push(99, 7);
    expect(window.minimum).toBe(3);
  });

  it("forgets a value once the window has passed", () => {
    const window = new SlidingMinimum(1000, 10);
    window.push(0, -5);
    window.push(500, 2);
    expect(window.minimum).toBe(-5);
    window.push(1100, 4);
    expect(window.minimum).toBe(2);
    window.push(1600, 6);
    expect(window.minimum).toBe(4);
  });

  it("forgets everything over a pause longer than the window", () => {
    const window = new SlidingMinimum(1000, 10);
    for (let t = 0; t < 1000; t += 10) window.push(t, -t);
    window.push(1e9, 42);
    expect(window.minimum).toBe(42);
  });
});
