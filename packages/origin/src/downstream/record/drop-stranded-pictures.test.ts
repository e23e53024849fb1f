import { describe, expect, it } from "vitest";
import { dropStrandedPictures } from "./drop-stranded-pictures.ts";

function left(...timestamps: number[]): number[] {
  const packets = timestamps.map((timestamp) => ({ timestamp }));
  dropStrandedPictures(packets);
  return packets.map(({ timestamp }) => timestamp);
}

describe("dropStrandedPictures", () => {
  it("leaves groups that are whole as they are", () => {
    for (const whole of [[], [0], [0, 1, 2, 3], [0, 3, 1, 2], [0, 3, 1, 2, 6, 4, 5], [0, 3, 1, 2, 4, 5]]) {
      expect(left(...whole)).toEqual(whole);
    }
  });

  it("takes out what was to be shown before a reference if not all of it came", () => {
    expect(left(0, 3, 1, 2, 6, 4)).toEqual([0, 3, 1, 2, 6]);
    expect(left(0, 3, 1)).toEqual([0, 3]);
    expect(left(0, 4, 2, 1, 3, 8, 6, 5)).toEqual([0, 4, 2, 1, 3, 8]);
  });

  it("leaves a reference that came alone", () => {
    expect(left(0, 3, 1, 2, 6)).toEqual([0, 3, 1, 2, 6]);
  });
});
