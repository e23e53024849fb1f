import { describe, expect, it } from "vitest";
import { KeyframeGate } from "./keyframe-gate.ts";

function createGate() {
  const released: number[] = [];
  return { gate: new KeyframeGate((rtp) => released.push(rtp)), released };
}

describe("KeyframeGate", () => {
  it("opens when the picture in front of the keyframe is decoded, not before", () => {
    const { gate, released } = createGate();
    gate.onPicture(3_000);
    gate.onAwaited(9_000);
    gate.onPicture(6_000);
    expect(released).toEqual([]);
    gate.onPicture(9_000);
    expect(released).toEqual([9_000]);
    gate.onPicture(12_000);
    expect(released).toEqual([9_000]);
  });

  it("opens at once when that picture is there, also across the round of timestamps", () => {
    const { gate, released } = createGate();
    gate.onPicture(1_000);
    gate.onAwaited(2 ** 32 - 2_000);
    expect(released).toEqual([2 ** 32 - 2_000]);
  });

  it("waits for as long as pictures come, and opens when none does", () => {
    const { gate, released } = createGate();
    gate.onAwaited(900_000);
    for (let rtp = 0; rtp < 300_000; rtp += 3_000) {
      gate.look();
      gate.onPicture(rtp);
    }
    expect(released).toEqual([]);
    for (let look = 0; look < 4; look += 1) gate.look();
    expect(released).toEqual([900_000]);
  });

  it("keeps nobody waiting who has no picture already", () => {
    const { gate, released } = createGate();
    for (let look = 0; look < 4; look += 1) gate.look();
    gate.onAwaited(900_000);
    expect(released).toEqual([900_000]);
  });

  it("waits for fewer and fewer keyframes when it waits in vain again and again, and for all after one that was not", () => {
    const { gate, released } = createGate();
    let keyframe = 0;
    /** Whether the next keyframe waits, for a picture that does not come. */
    const waitsInVain = (): boolean => {
      keyframe += 1;
      const rtp = keyframe * 90_000;
      gate.onPicture(rtp - 3_000);
      gate.onAwaited(rtp);
      const waits = released.at(-1) !== rtp;
      for (let look = 0; look < 4; look += 1) gate.look();
      expect(released.at(-1)).toBe(rtp);
      return waits;
    };
    /** Keyframes that go on at once before one waits. */
    const countWithoutWait = (): number => {
      let count = 0;
      while (!waitsInVain()) count += 1;
      return count;
    };
    expect(Array.from({ length: 9 }, countWithoutWait)).toEqual([0, 0, 1, 2, 4, 8, 16, 30, 30]);
    for (let count = 0; count < 30; count += 1) waitsInVain();
    gate.onPicture(8_997_000);
    gate.onAwaited(9_000_000);
    gate.onPicture(9_000_000);
    keyframe = 100;
    expect(Array.from({ length: 3 }, countWithoutWait)).toEqual([0, 0, 1]);
  });
});
