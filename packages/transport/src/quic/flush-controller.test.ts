import { describe, expect, test } from "vitest";
import { DEFAULT_FLUSH_CONTROL, FlushController } from "./flush-controller.ts";

describe("FlushController", () => {
  test("flushes every tick while the loop has room", () => {
    const controller = new FlushController(DEFAULT_FLUSH_CONTROL);
    for (const utilization of [0, 0.3, 0.59, 0.7, 0.79]) expect(controller.update(utilization)).toBe(0);
  });

  test("grows under load up to its bound, and no further", () => {
    const controller = new FlushController(DEFAULT_FLUSH_CONTROL);
    const intervals = Array.from({ length: 12 }, () => controller.update(0.95));
    expect(intervals[0]).toBe(5);
    expect([...intervals].sort((a, b) => a - b)).toEqual(intervals);
    expect(controller.intervalMs).toBe(60);
  });

  test("holds between the two marks and shrinks below the lower one", () => {
    const controller = new FlushController(DEFAULT_FLUSH_CONTROL);
    for (let step = 0; step < 12; step += 1) controller.update(1);
    expect(controller.update(0.7)).toBe(60);
    let steps = 0;
    while (controller.update(0.4) > 0) steps += 1;
    expect(steps).toBeGreaterThan(5);
    expect(controller.intervalMs).toBe(0);
  });

  test("never leaves the given bounds", () => {
    const controller = new FlushController({
      ...DEFAULT_FLUSH_CONTROL,
      minIntervalMs: 10,
      maxIntervalMs: 20,
    });
    expect(controller.intervalMs).toBe(10);
    for (let step = 0; step < 5; step += 1) controller.update(1);
    expect(controller.intervalMs).toBe(20);
    for (let step = 0; step < 20; step += 1) controller.update(0);
    expect(controller.intervalMs).toBe(10);
  });
});
