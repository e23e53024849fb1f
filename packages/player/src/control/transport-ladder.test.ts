import { beforeEach, describe, expect, it } from "vitest";
import { TransportLadder } from "./transport-ladder.ts";

let nowMs: number;
let ladder: TransportLadder;

beforeEach(() => {
  nowMs = 1_000_000;
  ladder = new TransportLadder({ rungs: 3 });
  ladder.onSwitched(0, nowMs);
});

/** A stall every so often; says at which of them the ladder wanted to leave. */
function stallEvery(ms: number, count: number): number | undefined {
  for (let stall = 1; stall <= count; stall += 1) {
    nowMs += ms;
    if (ladder.onStall(nowMs)) return stall;
  }
  return undefined;
}

function leave(to: number): void {
  ladder.onFailed(ladder.current, nowMs);
  ladder.onSwitched(to, nowMs);
}

describe("TransportLadder", () => {
  it("leaves a way after three stalls in half a minute, and bears with fewer", () => {
    expect(stallEvery(16_000, 20)).toBeUndefined();
    nowMs += 60_000;
    expect(stallEvery(9_000, 20)).toBe(3);
  });

  it("counts anew after a change, and not what the change itself costs", () => {
    expect(stallEvery(5_000, 2)).toBeUndefined();
    leave(1);
    expect(stallEvery(500, 3)).toBeUndefined();
    nowMs += 2_000;
    expect(stallEvery(5_000, 5)).toBe(3);
  });

  it("stays at the bottom, whatever it stalls", () => {
    leave(2);
    expect(stallEvery(3_000, 20)).toBeUndefined();
  });

  it("tries a better way after a pause that doubles each time it was in vain, up to five minutes", () => {
    leave(1);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const upgrade = ladder.nextUpgrade(nowMs);
      pauses.push(upgrade?.inMs ?? Number.NaN);
      nowMs += upgrade?.inMs ?? 0;
      expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 0, inMs: 0 });
      ladder.onFailed(0, nowMs);
    }
    expect(pauses).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it("does not flap: a way that is left again at once is waited for longer", () => {
    let switches = 0;
    const endMs = nowMs + 3_600_000;
    while (nowMs < endMs) {
      // The best way always looks good when it is tried, and never is.
      stallEvery(5_000, 3);
      leave(1);
      const { inMs = 0 } = ladder.nextUpgrade(nowMs) ?? {};
      nowMs += inMs;
      ladder.onSwitched(0, nowMs);
      switches += 1;
    }
    expect(switches).toBeLessThan(18);
  });

  it("holds nothing against a way that carried the stream for a minute", () => {
    for (let round = 0; round < 4; round += 1) {
      leave(1);
      nowMs += ladder.nextUpgrade(nowMs)?.inMs ?? 0;
      ladder.onSwitched(0, nowMs);
    }
    nowMs += 61_000;
    leave(1);
    expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 0, inMs: 15_000 });
  });

  it("tries the best of those that are due, and at the top none", () => {
    expect(ladder.nextUpgrade(nowMs)).toBeUndefined();
    leave(1);
    nowMs += 1_000;
    leave(2);
    nowMs += 30_000;
    expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 0, inMs: 0 });
    ladder.onFailed(0, nowMs);
    expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 1, inMs: 0 });
  });

  it("tries a way again that lost a race, and holds nothing against it", () => {
    ladder.postpone(0, nowMs);
    ladder.onSwitched(1, nowMs);
    expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 0, inMs: 15_000 });
    expect(ladder.isHeldBack(0, nowMs)).toBe(false);
    ladder.onFailed(0, nowMs);
    expect(ladder.isHeldBack(0, nowMs)).toBe(true);
    expect(ladder.isHeldBack(0, nowMs + 15_000)).toBe(false);
  });

  it("passes over what cannot carry the broadcast at all", () => {
    ladder.onFailed(1, nowMs, true);
    expect(ladder.below(0)).toBe(2);
    leave(2);
    nowMs += 1_000_000;
    expect(ladder.nextUpgrade(nowMs)).toEqual({ rung: 0, inMs: 0 });
    ladder.onFailed(0, nowMs, true);
    expect(ladder.nextUpgrade(nowMs)).toBeUndefined();
    expect(ladder.below(2)).toBeUndefined();
  });
});
