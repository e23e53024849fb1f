import { describe, expect, it } from "vitest";
import { betterOffset, clockOffsetOf } from "./clock-offset.ts";

const probe = (sentUs: number, up: number, down: number, aheadUs: number) => ({
  sentUs,
  serverUs: sentUs + up + aheadUs,
  receivedUs: sentUs + up + down,
});

describe("clockOffsetOf", () => {
  it("takes the probe with the shortest round trip", () => {
    const offset = clockOffsetOf([
      probe(0, 90_000, 10_000, 5_000_000),
      probe(200_000, 3_000, 3_000, 5_000_000),
      probe(400_000, 20_000, 60_000, 5_000_000),
    ]);
    expect(offset).toEqual({ offsetUs: 5_000_000, uncertaintyUs: 3_000, roundTripUs: 6_000 });
  });

  it("is wrong by at most its uncertainty on an uneven path", () => {
    const offset = clockOffsetOf([probe(0, 9_000, 1_000, -70_000)]);
    expect(Math.abs((offset?.offsetUs ?? 0) + 70_000)).toBeLessThanOrEqual(offset?.uncertaintyUs ?? 0);
  });

  it("has no answer without a usable probe", () => {
    expect(clockOffsetOf([])).toBeUndefined();
    expect(clockOffsetOf([{ sentUs: 10, receivedUs: 5, serverUs: 0 }])).toBeUndefined();
    expect(clockOffsetOf([{ sentUs: 0, receivedUs: 5, serverUs: Number.NaN }])).toBeUndefined();
  });
});

describe("betterOffset", () => {
  const old = { offsetUs: 1_000, uncertaintyUs: 1_000, roundTripUs: 2_000 };

  it("keeps a precise old measurement over a vague new one", () => {
    const fresh = { offsetUs: 9_000, uncertaintyUs: 40_000, roundTripUs: 80_000 };
    expect(betterOffset(old, fresh, 30_000_000)).toBe(old);
  });

  it("lets old measurements age", () => {
    const fresh = { offsetUs: 1_500, uncertaintyUs: 2_000, roundTripUs: 4_000 };
    expect(betterOffset(old, fresh, 60_000_000)).toBe(fresh);
    expect(betterOffset(undefined, fresh, 0)).toBe(fresh);
  });
});
