import { describe, expect, it } from "vitest";
import { simulateWhepLoss } from "../harness/simulate-whep-loss.ts";

// Nothing here depends on how fast the machine is: all times are simulated ones.

const MINUTES = 10;
const FRAMES = MINUTES * 60 * 30;
const play = (lossRate: number) => simulateWhepLoss({ lossRate, delayMs: 50, seed: 1, minutes: MINUTES });

describe("a WHEP viewer behind 50 ms each way on a clock of its own", () => {
  it.each([0, 0.01, 0.02, 0.05])("never stands still for half a second at a loss of %d", (lossRate) => {
    const { freezes, givenUp, plis, frames, missed, recovered } = play(lossRate);
    expect({ freezes, givenUp, plis }).toEqual({ freezes: 0, givenUp: 0, plis: 0 });
    expect(frames).toBeGreaterThan(FRAMES - 15);
    expect(missed - recovered).toBeLessThan(20);
  });

  it("stands still less than once a minute at a loss of a tenth and of a fifth, both ways", () => {
    for (const lossRate of [0.1, 0.2]) {
      const { freezes, frames, longestPauseMs } = play(lossRate);
      expect(freezes / MINUTES).toBeLessThan(1);
      expect(longestPauseMs).toBeLessThan(1_000);
      expect(frames).toBeGreaterThan(FRAMES * 0.999);
    }
  });
});
