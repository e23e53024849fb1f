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

  it("stops waiting for a while when it waits in vain again and again", () => {
    const { gate, released } = createGate();
    const waitInVain = (rtp: number): void => {
      gate.onPicture(rtp - 3_000);
      gate.onAwaited(rtp);
      expect(released.at(-1)).not.toBe(rtp);
      for (let look = 0; look < 4; look += 1) gate.look();
      expect(released.at(-1)).toBe(rtp);
    };
    waitInVain(90_000);
    waitInVain(180_000);
    for (let keyframe = 3; keyframe < 33; keyframe += 1) {
      gate.onPicture(keyframe * 90_000 - 3_000);
      gate.onAwaited(keyframe * 90_000);
      expect(released.at(-1)).toBe(keyframe * 90_000);
    }
    waitInVain(33 * 90_000);
  });
});
