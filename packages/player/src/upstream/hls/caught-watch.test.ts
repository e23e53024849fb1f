import { describe, expect, it } from "vitest";
import { CaughtWatch } from "./caught-watch.ts";

/** Looks five times a second; returns at which looks the engine counts as caught. */
function look(
  count: number,
  at: (look: number) => { positionS: number; isPaused?: boolean; aheadS?: number },
): number[] {
  const watch = new CaughtWatch();
  const caught: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const { positionS, isPaused = false, aheadS = 3 } = at(index);
    if (watch.update({ nowMs: 1_000 + index * 200, positionS, isPaused, aheadS })) caught.push(index);
  }
  return caught;
}

describe("CaughtWatch", () => {
  it("notices a picture that stands still for two seconds although there is more, and again after as long", () => {
    expect(look(25, () => ({ positionS: 7 }))).toEqual([10, 20]);
  });

  it("leaves one alone that plays, is paused, or has nothing more to show", () => {
    expect(look(50, (index) => ({ positionS: index * 0.2 }))).toEqual([]);
    expect(look(50, () => ({ positionS: 7, isPaused: true }))).toEqual([]);
    expect(look(50, () => ({ positionS: 7, aheadS: 0.4 }))).toEqual([]);
  });

  it("counts from when there was more", () => {
    expect(look(30, (index) => ({ positionS: 7, aheadS: index < 15 ? 0 : 3 }))).toEqual([24]);
  });
});
