import { describe, expect, test } from "vitest";
import { MemoryClock } from "./memory-clock.ts";

describe("MemoryClock", () => {
  test("runs tasks by time, then in order of scheduling", () => {
    const clock = new MemoryClock({ startMs: 0 });
    const seen: string[] = [];
    clock.schedule(5, () => seen.push(`b${clock.nowMs()}`));
    clock.schedule(1, () => seen.push(`a${clock.nowMs()}`));
    clock.schedule(5, () => seen.push(`c${clock.nowMs()}`));
    const cancel = clock.schedule(3, () => seen.push("cancelled"));
    cancel();
    clock.advance(5);
    expect(seen).toEqual(["a1", "b5", "c5"]);
    expect(clock.nowUs()).toBe(5_000);
  });

  test("keeps the order of many tasks", () => {
    const clock = new MemoryClock({ startMs: 0 });
    const seen: number[] = [];
    for (let index = 0; index < 1000; index++) {
      const delayMs = (index * 7919) % 101;
      clock.schedule(delayMs, () => seen.push(delayMs));
    }
    clock.run();
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBe(1000);
  });

  test("refuses to run for ever", () => {
    const clock = new MemoryClock();
    const again = (): void => {
      clock.schedule(1000, again);
    };
    again();
    expect(() => clock.run(10_000)).toThrow(RangeError);
  });

  test("runs what is due by itself when it is automatic", async () => {
    const clock = new MemoryClock({ automatic: true });
    let ran = 0;
    clock.schedule(0, () => ran++);
    clock.schedule(1, () => ran++);
    expect(ran).toBe(0);
    await Promise.resolve();
    expect(ran).toBe(1);
    clock.advance(1);
    expect(ran).toBe(2);
  });
});
