import { describe, expect, it } from "vitest";
import { SimulatedTime } from "./simulated-time.ts";

describe("SimulatedTime", () => {
  it("runs what is due in order of time, then of arrival, and what comes of it in the same instant", async () => {
    const time = new SimulatedTime(1_000);
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} ${time.elapsedMs}`);
    time.after(30, note("c"));
    time.after(10, note("a"));
    time.after(10, () => {
      note("b")();
      void Promise.resolve().then(note("promise"));
      time.after(0, note("at once"));
    });
    time.after(20, note("taken back"))();
    time.after(31, note("later"));
    await time.advance(30);
    expect(seen).toEqual(["a 10", "b 10", "at once 10", "promise 10", "c 30"]);
    expect([time.nowMs(), time.nowUs()]).toEqual([1_030, 1_030_000]);
    await time.advance(1);
    expect(seen.at(-1)).toBe("later 31");
  });
});
