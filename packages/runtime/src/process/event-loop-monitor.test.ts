import { describe, expect, it } from "vitest";
import { EventLoopMonitor } from "./event-loop-monitor.ts";

describe("EventLoopMonitor", () => {
  it("shows a blocked event loop", { timeout: 40_000 }, async () => {
    // Several blocked turns in each window: the first one after a window measures nothing.
    using monitor = new EventLoopMonitor(400);
    const endsAt = performance.now() + 30_000;
    while (monitor.utilization < 0.5 || monitor.maxLagMs < 20) {
      expect(performance.now()).toBeLessThan(endsAt);
      const blockedUntil = performance.now() + 80;
      while (performance.now() < blockedUntil);
      // Never idle: a machine that wakes us late would count as idle, too.
      await new Promise(setImmediate);
    }
    expect(monitor.utilization).toBeLessThanOrEqual(1);
  });
});
