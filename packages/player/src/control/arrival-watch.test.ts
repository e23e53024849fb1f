import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArrivalWatch } from "./arrival-watch.ts";

let silent: number;
let watch: ArrivalWatch;

beforeEach(() => {
  vi.useFakeTimers();
  silent = 0;
  watch = new ArrivalWatch({
    onSilent: () => {
      silent += 1;
    },
  });
});
afterEach(() => {
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

async function frames(count: number, everyMs: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    watch.onFrame();
    await vi.advanceTimersByTimeAsync(everyMs);
  }
}

describe("ArrivalWatch", () => {
  it("tells once, within 400 ms, that frames have stopped to come, and again after they came again", async () => {
    await frames(30, 33);
    expect([silent, watch.isFresh]).toEqual([0, true]);
    await vi.advanceTimersByTimeAsync(300);
    expect(watch.isFresh).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(silent).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(silent).toBe(1);
    await frames(30, 33);
    await vi.advanceTimersByTimeAsync(700);
    expect(silent).toBe(2);
  });

  it("says nothing before the first frame, and nothing once it was stopped", async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    watch.onFrame();
    watch.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(silent).toBe(0);
  });

  it("learns how seldom the pictures of a slow stream come, and takes 600 ms for silence all the same", async () => {
    await frames(40, 290);
    expect(silent).toBe(0);
    await vi.advanceTimersByTimeAsync(700);
    expect(silent).toBe(1);
  });

  it("does not take a page that stood still for a silent edge", async () => {
    await frames(30, 33);
    // Timers and frames wait alike; then the timer comes first, once, whatever time has passed.
    vi.setSystemTime(Date.now() + 5_000);
    await vi.advanceTimersByTimeAsync(100);
    await frames(3, 33);
    expect(silent).toBe(0);
  });
});
