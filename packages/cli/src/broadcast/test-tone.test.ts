import { describe, expect, it } from "vitest";
import { fillTestTone } from "./test-tone.ts";

function block(startUnixMs: number): Float32Array {
  const samples = new Float32Array(1024);
  fillTestTone(samples, startUnixMs, 48_000);
  return samples;
}

function loudest(samples: Float32Array): number {
  return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}

describe("fillTestTone", () => {
  it("beeps at the start of each second and is quiet after it", () => {
    expect(loudest(block(1_795_416_000_020))).toBeGreaterThan(0.3);
    expect(loudest(block(1_795_416_000_500))).toBeLessThan(0.1);
  });

  it("continues the tone from block to block", () => {
    const first = block(1_795_416_000_500);
    const second = block(1_795_416_000_500 + (1024 * 1000) / 48_000);
    const step = Math.abs((second[0] ?? 0) - (first[1023] ?? 0));
    expect(step).toBeLessThan(0.06 * 2 * Math.PI * (440 / 48_000) * 1.01);
  });
});
