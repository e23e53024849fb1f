import { describe, expect, it } from "vitest";
import { LiveEdgeControl } from "./live-edge-control.ts";

const HOLD_BACK_S = 1;

/** A player whose live edge is 0.3 s old and that begins `latencyS` behind capture. */
function viewer(latencyS: number, options: { wishS?: number; isSync?: boolean; hasClock?: boolean } = {}) {
  const { wishS = 0.1, isSync = false, hasClock = true } = options;
  const control = new LiveEdgeControl({ wishS, isSync });
  let nowMs = 0;
  let lagS = latencyS;
  const rates: number[] = [];
  const jumps: number[] = [];
  /** Plays for so long and says how far behind capture it is then. */
  const play = (seconds: number): number => {
    for (let step = 0; step < seconds * 5; step += 1) {
      nowMs += 200;
      const { rate, jumpS } = control.update({
        nowMs,
        behindEdgeS: lagS - 0.3,
        latencyS: hasClock ? lagS : undefined,
        holdBackS: HOLD_BACK_S,
        bufferedS: Math.max(0, lagS - 0.3),
      });
      if (jumpS !== 0) jumps.push(jumpS);
      rates.push(rate);
      lagS += 0.2 * (1 - rate) - jumpS;
    }
    return lagS;
  };
  /** The path stands still for so long. */
  const fallBehind = (seconds: number): void => {
    nowMs += seconds * 1_000;
    lagS += seconds;
  };
  return { play, fallBehind, rates, jumps, stall: () => control.onStall(nowMs) };
}

describe("LiveEdgeControl", () => {
  it("comes to the distance that the playlist asks for, at a rate that nobody hears, and stays there", () => {
    const late = viewer(1.3);
    late.play(2);
    late.fallBehind(1.1);
    expect(late.play(60)).toBeCloseTo(1.3, 1);
    expect(Math.max(...late.rates)).toBeLessThanOrEqual(1.1);
    expect(late.jumps).toEqual([]);
    const early = viewer(0.9);
    expect(early.play(60)).toBeCloseTo(1.3, 1);
    expect(Math.min(...early.rates)).toBeGreaterThanOrEqual(0.95);
    for (let second = 0; second < 600; second += 1) expect(Math.abs(late.play(1) - 1.3)).toBeLessThan(0.07);
  });

  it("jumps when it is far behind, once, and lets the picture come", () => {
    const far = viewer(20);
    expect(far.play(1)).toBeCloseTo(1.3, 1);
    expect(far.jumps).toHaveLength(1);
    expect(far.play(30)).toBeCloseTo(1.3, 1);
    expect(far.jumps).toHaveLength(1);
  });

  it("jumps at once, too, to where it should have begun", () => {
    const late = viewer(2.1);
    expect(late.play(1)).toBeCloseTo(1.3, 1);
    expect(late.jumps).toHaveLength(1);
    const near = viewer(1.6);
    expect(near.play(1)).toBeLessThan(1.6);
    expect(near.jumps).toEqual([]);
  });

  it("is within its budget again some seconds after a stall, however long that was", () => {
    for (const stallS of [0.3, 0.8, 1.2, 1.5, 2, 3, 4, 6]) {
      const stalled = viewer(1.3);
      stalled.play(5);
      stalled.fallBehind(stallS);
      expect(stalled.play(12), `after ${stallS} s`).toBeLessThan(1.75);
      expect(Math.max(...stalled.rates)).toBeLessThanOrEqual(1.1);
      expect(stalled.jumps.length).toBeLessThanOrEqual(1);
    }
  });

  it("aims where it did as soon as a server that was silent is heard again", () => {
    const control = new LiveEdgeControl({ wishS: 0.1, isSync: false });
    let nowMs = 0;
    const update = (latencyS: number, behindEdgeS: number) => {
      nowMs += 200;
      return control.update({ nowMs, latencyS, behindEdgeS, holdBackS: HOLD_BACK_S, bufferedS: behindEdgeS });
    };
    for (let step = 0; step < 25; step += 1) update(1.3, 1);
    expect(control.targetS).toBeCloseTo(1.3, 2);
    // Nothing newer is known of: what there is grows old.
    for (let silentS = 0.2; silentS <= 3; silentS += 0.2) update(1.3 + silentS, 1);
    expect(control.targetS).toBeGreaterThan(2);
    expect(update(4.3, 4).jumpS).toBeCloseTo(3, 1);
    expect(control.targetS).toBeCloseTo(1.3, 2);
  });

  it("jumps by what a hole has left as soon as the hole lies behind", () => {
    const control = new LiveEdgeControl({ wishS: 0.1, isSync: false });
    const before = { latencyS: 3.5, behindEdgeS: 2, holdBackS: HOLD_BACK_S, bufferedS: 0.5 };
    for (let nowMs = 0; nowMs < 2_000; nowMs += 200)
      expect(control.update({ ...before, nowMs }).jumpS).toBe(0);
    const { jumpS } = control.update({
      ...{ nowMs: 2_000, latencyS: 2.2, behindEdgeS: 1.9 },
      ...{ holdBackS: HOLD_BACK_S, bufferedS: 1.8 },
    });
    expect(jumpS).toBeCloseTo(0.9, 1);
  });

  it("does not jump to what it does not have, unless that is the only way", () => {
    const control = new LiveEdgeControl({ wishS: 0.1, isSync: false });
    const position = { nowMs: 10_000, holdBackS: HOLD_BACK_S };
    const empty = control.update({ ...position, behindEdgeS: 3, latencyS: 3.3, bufferedS: 0.5 });
    expect(empty.jumpS).toBe(0);
    const full = control.update({ ...position, behindEdgeS: 3, latencyS: 3.3, bufferedS: 2.9 });
    expect(full.jumpS).toBeCloseTo(2, 1);
  });

  it("keeps the wished latency where that is longer", () => {
    expect(viewer(1.3, { wishS: 4 }).play(120)).toBeCloseTo(4, 1);
  });

  it("goes by the live edge while the server's clock is not known", () => {
    const lost = viewer(2.4, { hasClock: false });
    expect(lost.play(60) - 0.3).toBeCloseTo(HOLD_BACK_S, 1);
  });

  it("in sync mode meets the others on a step that the wish alone decides", () => {
    const near = viewer(1.1, { wishS: 0.15, isSync: true });
    const far = viewer(2.9, { wishS: 0.15, isSync: true });
    expect(near.play(60)).toBeCloseTo(2.4, 1);
    expect(far.play(60)).toBeCloseTo(2.4, 1);
    expect(Math.abs(near.play(1) - far.play(1))).toBeLessThan(0.04);
  });

  it("holds back more after stalls, up to a bound, and tries with less when it is calm", () => {
    const poor = viewer(1.3);
    poor.play(10);
    poor.stall();
    poor.stall();
    expect(poor.play(18)).toBeCloseTo(1.6, 1);
    for (let count = 0; count < 100; count += 1) poor.stall();
    expect(poor.play(19)).toBeLessThan(3);
    expect(poor.play(300)).toBeCloseTo(1.3, 1);
  });

  it("does not hurry with an empty buffer", () => {
    const control = new LiveEdgeControl({ wishS: 0.1, isSync: false });
    const step = control.update({
      nowMs: 0,
      behindEdgeS: 2,
      latencyS: 2.3,
      holdBackS: HOLD_BACK_S,
      bufferedS: 0.1,
    });
    expect(step).toEqual({ rate: 1, jumpS: 0 });
  });
});
