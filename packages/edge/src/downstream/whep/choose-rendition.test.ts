import { describe, expect, it } from "vitest";
import { AUDIO_ONLY, RenditionChooser } from "./choose-rendition.ts";

const BITRATES = [3_000_000, 1_500_000, 500_000];

/** Feeds a path for some seconds; returns the places in order of change. */
function drive(
  chooser: RenditionChooser,
  seconds: number,
  path: { readonly estimateBps: number | undefined; readonly loss?: number; readonly queueMs?: number },
  clock: { nowMs: number },
): number[] {
  const places: number[] = [chooser.current];
  for (let second = 0; second < seconds; second += 1) {
    clock.nowMs += 1_000;
    const place = chooser.update({
      nowMs: clock.nowMs,
      loss: path.loss ?? 0,
      queueMs: path.queueMs ?? 0,
      estimateBps: path.estimateBps,
      bitrates: BITRATES,
    });
    if (place !== places.at(-1)) places.push(place);
  }
  return places;
}

describe("RenditionChooser", () => {
  it("stays with the best while nothing is known, and while the path carries it", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    expect(drive(chooser, 60, { estimateBps: undefined }, clock)).toEqual([0]);
    expect(drive(chooser, 60, { estimateBps: 4_000_000 }, clock)).toEqual([0]);
  });

  it("takes the best rendition that fits once the path is full for two seconds", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 2, { estimateBps: 900_000 }, clock);
    expect(chooser.current).toBe(0);
    drive(chooser, 1, { estimateBps: 900_000 }, clock);
    expect(chooser.current).toBe(2);
  });

  it("gives the picture up when not even half of the lowest gets through, and tries it again later", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    const starved = { estimateBps: 150_000, queueMs: 800 };
    drive(chooser, 12, starved, clock);
    expect(chooser.current).toBe(AUDIO_ONLY);
    drive(chooser, 12, starved, clock);
    expect(chooser.current).toBe(2);
  });

  it("keeps the picture when an estimate falls though nothing is lost or waits, as of a machine that is too busy", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 120, { estimateBps: 150_000, loss: 0.01, queueMs: 100 }, clock);
    expect(chooser.current).toBe(2);
    drive(chooser, 6, { estimateBps: 150_000, loss: 0.4 }, clock);
    expect(chooser.current).toBe(AUDIO_ONLY);
  });

  it("does not give the picture up for loss alone", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 120, { estimateBps: 4_000_000, loss: 0.3 }, clock);
    expect(chooser.current).toBe(2);
  });

  it("goes up step by step when the path is free, and waits longer after each attempt that failed", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 3, { estimateBps: 900_000 }, clock);
    expect(drive(chooser, 60, { estimateBps: 5_000_000 }, clock)).toEqual([2, 1, 0]);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      drive(chooser, 3, { estimateBps: 1_700_000 }, clock);
      expect(chooser.current).toBe(1);
      const from = clock.nowMs;
      while (chooser.current === 1) drive(chooser, 1, { estimateBps: 2_300_000 }, clock);
      waits.push(clock.nowMs - from);
    }
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    expect(waits[2]).toBeGreaterThan(waits[1] ?? 0);
  });

  it("goes on with an attempt whose estimate stands still, and after sound alone", () => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 3, { estimateBps: 900_000 }, clock);
    expect(drive(chooser, 120, { estimateBps: 1_000_000 }, clock)).toEqual([2, 1]);
    // Once the estimate was enough, one that is not means something again.
    drive(chooser, 2, { estimateBps: 1_600_000 }, clock);
    drive(chooser, 4, { estimateBps: 1_000_000 }, clock);
    expect(chooser.current).toBe(2);

    const starved = new RenditionChooser();
    drive(starved, 12, { estimateBps: 150_000, loss: 0.4 }, clock);
    expect(starved.current).toBe(AUDIO_ONLY);
    expect(drive(starved, 120, { estimateBps: 200_000 }, clock)).toEqual([AUDIO_ONLY, 2]);
  });

  it.each([
    { why: "the estimate falls", estimateBps: 1_400_000 },
    { why: "packets are lost", estimateBps: 1_900_000, loss: 0.1 },
    { why: "a queue fills up", estimateBps: 1_900_000, queueMs: 400 },
  ])("takes an attempt back at once when $why", (path) => {
    const clock = { nowMs: 1_000 };
    const chooser = new RenditionChooser();
    drive(chooser, 3, { estimateBps: 1_800_000 }, clock);
    expect(chooser.current).toBe(1);
    while (chooser.current === 1) drive(chooser, 1, { estimateBps: 1_900_000 }, clock);
    expect(chooser.current).toBe(0);
    expect(drive(chooser, 4, path, clock)[1]).toBeGreaterThan(0);
  });

  it("has nothing to choose for sound alone", () => {
    const report = { nowMs: 1, estimateBps: 1, loss: 0, queueMs: 0, bitrates: [] };
    expect(new RenditionChooser().update(report)).toBe(AUDIO_ONLY);
  });
});
