import { describe, expect, it } from "vitest";
import {
  emptyLinkCounters,
  IDEAL_LINK,
  type LinkCounters,
  LinkModel,
  type LinkOptions,
  type PacketFate,
} from "./link-model.ts";

const PACKETS = 20_000;
const PACKET_BYTES = 1_200;

/** Sends packets one ms apart. */
function run(
  options: Partial<LinkOptions>,
  seed = 7,
  count = PACKETS,
): { fates: PacketFate[]; counters: LinkCounters } {
  const counters = emptyLinkCounters();
  const link = new LinkModel(seed, { ...IDEAL_LINK, ...options }, counters);
  return { fates: Array.from({ length: count }, (_, index) => link.next(PACKET_BYTES, index)), counters };
}

describe("LinkModel", () => {
  it("delivers everything at once and in order when nothing is asked of it", () => {
    expect(run({}).fates).toEqual(Array.from({ length: PACKETS }, (_, index) => [index]));
  });

  it("takes the same decisions for the same seed, and others for another one", () => {
    const options = { lossRate: 0.1, jitterMs: 20, reorderRate: 0.05, duplicateRate: 0.05, delayMs: 50 };
    expect(run(options).fates).toEqual(run(options).fates);
    expect(run(options, 8).fates).not.toEqual(run(options).fates);
  });

  it("loses the same packets whatever else is set", () => {
    const lost = (fates: readonly PacketFate[]): number[] =>
      fates.flatMap((fate, index) => (fate.length === 0 ? [index] : []));
    expect(lost(run({ lossRate: 0.1, jitterMs: 30, duplicateRate: 0.5, reorderRate: 0.5 }).fates)).toEqual(
      lost(run({ lossRate: 0.1 }).fates),
    );
  });

  it.each([0.02, 0.05, 0.2])("loses a share of %d", (lossRate) => {
    const { fates, counters } = run({ lossRate });
    const lost = fates.filter((fate) => fate.length === 0).length;
    expect(lost).toBe(counters.lost);
    expect(Math.abs(lost / PACKETS - lossRate)).toBeLessThan(0.006);
  });

  it("spreads the delay evenly over the jitter where packets are far apart, and keeps their order where not", () => {
    const counters = emptyLinkCounters();
    const link = new LinkModel(3, { ...IDEAL_LINK, delayMs: 50, jitterMs: 20 }, counters);
    let sum = 0;
    for (let index = 0; index < PACKETS; index++) {
      const delay = (link.next(PACKET_BYTES, index * 100)[0] ?? 0) - index * 100;
      expect(delay).toBeGreaterThanOrEqual(50);
      expect(delay).toBeLessThanOrEqual(70);
      sum += delay;
    }
    expect(Math.abs(sum / PACKETS - 60)).toBeLessThan(0.5);
    const times = run({ delayMs: 50, jitterMs: 20 }).fates.map((fate) => fate[0] ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("lets a share of the packets be overtaken, and no others", () => {
    const { fates, counters } = run({ reorderRate: 0.1, reorderDelayMs: 15, delayMs: 10 });
    const late = fates.filter((fate, index) => (fate[0] ?? 0) - index === 25).length;
    const onTime = fates.filter((fate, index) => (fate[0] ?? 0) - index === 10).length;
    expect(late).toBe(counters.reordered);
    expect(late + onTime).toBe(PACKETS);
    expect(Math.abs(late / PACKETS - 0.1)).toBeLessThan(0.01);
  });

  it("duplicates a share of the packets", () => {
    const { fates, counters } = run({ duplicateRate: 0.1 });
    const twice = fates.filter((fate) => fate.length === 2).length;
    expect(twice).toBe(counters.duplicated);
    expect(Math.abs(twice / PACKETS - 0.1)).toBeLessThan(0.01);
  });

  it("sends at the rate of the bottleneck and loses what finds its queue full", () => {
    // 9.6 Mbit/s are offered for 20 s.
    const { fates, counters } = run({ bitsPerSecond: 4_800_000, bottleneckBytes: 60_000 });
    const delivered = fates.flat();
    expect(counters.overflowed).toBe(PACKETS - delivered.length);
    const bits = delivered.length * PACKET_BYTES * 8;
    expect(Math.abs(bits / 4_800_000 / ((delivered.at(-1) ?? 0) / 1000) - 1)).toBeLessThan(0.01);
    // No packet waits longer than the queue is long: 60,000 bytes are 100 ms.
    const waits = fates.map((fate, index) => (fate[0] ?? index) - index);
    expect(Math.max(...waits)).toBeLessThanOrEqual(100);
  });
});
