import { describe, expect, test } from "vitest";
import { TimerEntry, TimerWheel } from "./timer-wheel.ts";

class Alarm extends TimerEntry {
  readonly firedMs: number[] = [];
  override onTimer(nowMs: number): void {
    this.firedMs.push(nowMs);
  }
}

/** A wheel whose timers fire when the test says so. */
function createWheel() {
  let nowMs = 0;
  let pending: { callback: () => void; atMs: number } | undefined;
  const wheel = new TimerWheel({
    nowMs: () => nowMs,
    setTimer: (callback, delayMs) => {
      pending = { callback, atMs: nowMs + delayMs };
      return pending;
    },
    clearTimer: () => {
      pending = undefined;
    },
  });
  const advanceTo = (untilMs: number): void => {
    while (pending !== undefined && pending.atMs <= untilMs) {
      const { callback, atMs } = pending;
      pending = undefined;
      nowMs = Math.max(nowMs, atMs);
      callback();
    }
    nowMs = untilMs;
  };
  return { wheel, advanceTo, armed: () => pending !== undefined };
}

describe("TimerWheel", () => {
  test("fires each deadline once, never early and at most a slot late", () => {
    const { wheel, advanceTo } = createWheel();
    const alarms = [1, 7, 100, 2_000, 2_049, 10_000, 60_000].map((deadlineMs) => {
      const alarm = new Alarm();
      wheel.set(alarm, deadlineMs);
      return { alarm, deadlineMs };
    });
    advanceTo(70_000);
    for (const { alarm, deadlineMs } of alarms) {
      expect(alarm.firedMs).toHaveLength(1);
      expect(alarm.firedMs[0]).toBeGreaterThanOrEqual(deadlineMs);
      expect(alarm.firedMs[0]).toBeLessThanOrEqual(deadlineMs + 5);
    }
  });

  test("follows a deadline that moves later or earlier", () => {
    const { wheel, advanceTo } = createWheel();
    const later = new Alarm();
    wheel.set(later, 50);
    const earlier = new Alarm();
    wheel.set(earlier, 1_000);
    wheel.set(later, 500);
    wheel.set(earlier, 100);
    advanceTo(400);
    expect(later.firedMs).toEqual([]);
    expect(earlier.firedMs).toEqual([100]);
    advanceTo(1_500);
    expect(later.firedMs).toEqual([500]);
    expect(earlier.firedMs).toEqual([100]);
  });

  test("forgets a deleted entry and stops its timer when nothing is left", () => {
    const { wheel, advanceTo, armed } = createWheel();
    const alarm = new Alarm();
    wheel.set(alarm, 20);
    wheel.delete(alarm);
    advanceTo(100);
    expect(alarm.firedMs).toEqual([]);
    expect(armed()).toBe(false);
  });

  test("can be set again from inside the alarm", () => {
    const { wheel, advanceTo } = createWheel();
    class Repeating extends TimerEntry {
      count = 0;
      override onTimer(nowMs: number): void {
        this.count += 1;
        wheel.set(this, nowMs + 10);
      }
    }
    const repeating = new Repeating();
    wheel.set(repeating, 10);
    advanceTo(1_000);
    expect(repeating.count).toBeGreaterThanOrEqual(70);
    expect(repeating.count).toBeLessThanOrEqual(100);
  });
});
