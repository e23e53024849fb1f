import { describe, expect, it } from "vitest";
import { meterLevel } from "./level-meter.ts";

describe("meterLevel", () => {
  it("is logarithmic from -60 dB to full scale", () => {
    expect(meterLevel(0)).toBe(0);
    expect(meterLevel(0.0005)).toBe(0);
    expect(meterLevel(10 ** (-30 / 20))).toBeCloseTo(0.5);
    expect(meterLevel(1)).toBe(1);
    expect(meterLevel(3)).toBe(1);
  });
});
