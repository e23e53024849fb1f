import { describe, expect, it } from "vitest";
import { TargetLatency } from "./target-latency.ts";

const SECOND_US = 1_000_000;

/** Frames at 30 fps for `seconds`, with the transit that `transitUs` gives; returns the time after. */
function run(
  target: TargetLatency,
  fromUs: number,
  seconds: number,
  transitUs: (index: number) => number,
): number {
  let nowUs = fromUs;
  for (let index = 0; index < seconds * 30; index += 1) {
    nowUs += SECOND_US / 30;
    target.onArrival("video", transitUs(index), nowUs);
    if (index % 3 === 0) target.update(nowUs);
  }
  return nowUs;
}

describe("TargetLatency", () => {
  it("keeps the wish on a good network", () => {
    const target = new TargetLatency({ wishUs: 150_000, isSync: false });
    run(target, 0, 10, (index) => 20_000 + (index % 5) * 4_000);
    expect(target.targetUs).toBe(150_000);
    expect(target.jitterUs).toBeGreaterThan(0);
  });

  it("rises to what nearly all frames need and falls back slowly", () => {
    const target = new TargetLatency({ wishUs: 150_000, isSync: false });
    let nowUs = run(target, 0, 10, (index) => (index % 10 === 0 ? 300_000 : 40_000));
    expect(target.targetUs).toBeGreaterThan(300_000);
    expect(target.targetUs).toBeLessThan(350_000);
    nowUs = run(target, nowUs, 2, () => 40_000);
    expect(target.targetUs).toBeGreaterThan(250_000);
    run(target, nowUs, 40, () => 40_000);
    expect(target.targetUs).toBe(150_000);
  });

  it("takes no single hiccup of the machine for the network", () => {
    const target = new TargetLatency({ wishUs: 100_000, isSync: false });
    const nowUs = run(target, 0, 10, () => 20_000);
    run(target, nowUs, 10, (index) => Math.max(20_000, 300_000 - index * 33_333));
    expect(target.targetUs).toBe(100_000);
  });

  it("waits for sound only while somebody can hear it", () => {
    const target = new TargetLatency({ wishUs: 100_000, isSync: false });
    const both = (nowUs: number): void => {
      target.onArrival("video", 20_000, nowUs);
      target.onArrival("audio", 120_000, nowUs);
    };
    for (let index = 0; index < 100; index += 1) both(index * 20_000);
    expect(target.update(2_000_000)).toBe(100_000);
    target.setAudible(true, 30_000);
    expect(target.update(2_100_000)).toBe(170_000);
  });

  it("waits for what is mostly late, although some of it comes in time", () => {
    const target = new TargetLatency({ wishUs: 100_000, isSync: false });
    const nowUs = run(target, 0, 5, () => 40_000);
    run(target, nowUs, 5, (index) => (index % 5 === 0 ? 40_000 : 900_000));
    expect(target.targetUs).toBeGreaterThan(900_000);
    expect(target.targetUs).toBeLessThan(1_000_000);
  });

  it("takes outages that are seconds apart for what they are", () => {
    const target = new TargetLatency({ wishUs: 100_000, isSync: false });
    const nowUs = run(target, 0, 5, () => 40_000);
    // Ten frames of 900 ms every four seconds.
    run(target, nowUs, 30, (index) => (index % 120 < 10 ? 900_000 : 40_000));
    expect(target.targetUs).toBe(100_000);
  });

  it("waits for sound that comes alone", () => {
    const target = new TargetLatency({ wishUs: 100_000, isSync: false });
    for (let index = 0; index < 100; index += 1) target.onArrival("audio", 120_000, index * 20_000);
    expect(target.update(2_000_000)).toBe(140_000);
  });

  it("does not take one outage for jitter, but a path that stays longer", () => {
    const target = new TargetLatency({ wishUs: 150_000, isSync: false });
    let nowUs = run(target, 0, 5, () => 30_000);
    nowUs = run(target, nowUs, 1, (index) => 1_500_000 - index * 33_000);
    expect(target.targetUs).toBeLessThan(700_000);
    nowUs = run(target, nowUs, 20, () => 900_000);
    expect(target.targetUs).toBeGreaterThan(900_000);
  });

  it("moves in steps of the wish in sync mode, so that viewers agree", () => {
    const target = new TargetLatency({ wishUs: 150_000, isSync: true });
    run(target, 0, 10, (index) => (index % 10 === 0 ? 260_000 : 40_000));
    expect(target.targetUs).toBe(300_000);
  });
});
