import { describe, expect, it } from "vitest";
import { BackBuffer } from "./back-buffer.ts";

describe("BackBuffer", () => {
  it("gives up what was seen more than ten seconds ago, twenty seconds of it at a time", () => {
    const back = new BackBuffer();
    const removed: [number, number][] = [];
    for (let positionS = 100; positionS < 180; positionS += 1) {
      const endS = back.update({ type: "video", startS: positionS + 1, positionS, isIdle: true });
      if (endS !== undefined) removed.push([positionS, endS]);
    }
    expect(removed).toEqual([
      [131, 121],
      [151, 141],
      [171, 161],
    ]);
  });

  it("waits for a moment in which nothing is loaded, but not for ever", () => {
    const back = new BackBuffer();
    const moment = { type: "video", startS: 0 };
    expect(back.update({ ...moment, positionS: 0, isIdle: true })).toBeUndefined();
    expect(back.update({ ...moment, positionS: 59, isIdle: false })).toBeUndefined();
    expect(back.update({ ...moment, positionS: 60, isIdle: false })).toBe(50);
  });

  it("counts sound and pictures apart", () => {
    const back = new BackBuffer();
    back.update({ type: "video", startS: 0, positionS: 0, isIdle: true });
    back.update({ type: "audio", startS: 20, positionS: 20, isIdle: true });
    expect(back.update({ type: "audio", startS: 40, positionS: 40, isIdle: true })).toBeUndefined();
    expect(back.update({ type: "video", startS: 40, positionS: 40, isIdle: true })).toBe(30);
  });
});
