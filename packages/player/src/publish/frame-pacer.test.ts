import { describe, expect, it } from "vitest";
import { FramePacer } from "./frame-pacer.ts";

function accepted(sourceFps: number, wantedFps: number, seconds = 10): number {
  const pacer = new FramePacer(wantedFps);
  let count = 0;
  for (let index = 0; index < sourceFps * seconds; index++) {
    if (pacer.accept(Math.round((index * 1e6) / sourceFps))) count++;
  }
  return count;
}

describe("FramePacer", () => {
  it("passes everything of a source at or below the rate", () => {
    expect(accepted(30, 30)).toBe(300);
    expect(accepted(15, 30)).toBe(150);
  });

  it("halves a source of twice the rate", () => {
    expect(accepted(60, 30)).toBe(300);
  });

  it("passes all frames of a jittering camera", () => {
    const pacer = new FramePacer(30);
    const jitterUs = [0, 9_000, -8_000, 5_000, -9_000, 0];
    const kept = Array.from({ length: 300 }, (_, index) =>
      pacer.accept(Math.round((index * 1e6) / 30) + (jitterUs[index % 6] ?? 0)),
    ).filter(Boolean);
    expect(kept.length).toBeGreaterThanOrEqual(295);
  });

  it("takes the first frame after a pause at once and without a burst", () => {
    const pacer = new FramePacer(30);
    pacer.accept(0);
    expect(pacer.accept(5_000_000)).toBe(true);
    expect(pacer.accept(5_005_000)).toBe(false);
  });
});
