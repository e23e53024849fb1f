import { describe, expect, it } from "vitest";
import { BitrateControl } from "./bitrate-control.ts";

const MAX_BPS = 2_000_000;

function backlog(ms: number, bps: number): number {
  return (ms * bps) / 8000;
}

describe("BitrateControl", () => {
  it("stays at what was asked for while the path is clear", () => {
    const control = new BitrateControl(MAX_BPS);
    for (let ms = 0; ms < 20_000; ms += 500) expect(control.update(0, ms)).toBe(false);
    expect(control.targetBps).toBe(MAX_BPS);
  });

  it("goes down while media piles up, not below its floor", () => {
    const control = new BitrateControl(MAX_BPS);
    for (let ms = 0; ms < 60_000; ms += 500) control.update(backlog(600, MAX_BPS), ms);
    expect(control.targetBps).toBe(MAX_BPS * 0.12);
  });

  it("waits after a cut before it cuts again", () => {
    const control = new BitrateControl(MAX_BPS);
    control.update(backlog(600, MAX_BPS), 0);
    expect(control.update(backlog(600, MAX_BPS), 1_000)).toBe(true);
    expect(control.update(backlog(600, MAX_BPS), 1_500)).toBe(false);
    expect(control.targetBps).toBe(MAX_BPS * 0.7);
  });

  it("takes another wish at once", () => {
    const control = new BitrateControl(MAX_BPS);
    control.update(backlog(600, MAX_BPS), 0);
    control.update(backlog(600, MAX_BPS), 1_000);
    control.setMax(500_000);
    expect(control.targetBps).toBe(500_000);
    control.update(0, 1_500);
    expect(control.update(0, 20_000)).toBe(false);
  });

  it("comes back slowly once the path is clear", () => {
    const control = new BitrateControl(MAX_BPS);
    control.update(backlog(600, MAX_BPS), 0);
    control.update(backlog(600, MAX_BPS), 1_000);
    let ms = 1_500;
    while (control.targetBps < MAX_BPS && ms < 60_000) {
      ms += 500;
      control.update(0, ms);
    }
    expect(control.targetBps).toBe(MAX_BPS);
    expect(ms).toBeGreaterThan(10_000);
  });
});
