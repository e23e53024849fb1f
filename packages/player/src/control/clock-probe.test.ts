import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ClockOffset } from "../sync/clock-offset.ts";
import { ClockProbe } from "./clock-probe.ts";

const OFFSET_US = 70_000_000;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** An edge whose answers take so long, one after the other; the last of them for all that follow. Ways back are slow. */
function setUp(roundTripsMs: readonly number[]) {
  const clock = { nowUs: () => performance.now() * 1_000 };
  const asked: number[] = [];
  const offsets: ClockOffset[] = [];
  const probe = new ClockProbe({
    clock,
    fetch: async () => {
      const roundTripMs = roundTripsMs[Math.min(asked.length, roundTripsMs.length - 1)] ?? 0;
      asked.push(performance.now());
      const unixMicros = clock.nowUs() + OFFSET_US;
      await new Promise((resolve) => setTimeout(resolve, roundTripMs));
      return Response.json({ unixMicros });
    },
    onOffset: (offset) => offsets.push(offset),
  });
  const startMs = performance.now();
  probe.start("http://edge.test/");
  return { probe, offsets, askedAtMs: () => asked.map((atMs) => Math.round(atMs - startMs)) };
}

describe("ClockProbe", () => {
  it("asks twice to start with, five times soon after, and again every half minute", async () => {
    const { probe, offsets, askedAtMs } = setUp([2]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(askedAtMs()).toEqual([0, 2]);
    expect(offsets).toMatchObject([{ uncertaintyUs: 1_000 }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(askedAtMs().length).toBe(7);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(askedAtMs().length).toBe(12);
    probe.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(askedAtMs().length).toBe(12);
  });

  it("repeats a first measurement of which little is certain at once", async () => {
    const { probe, offsets, askedAtMs } = setUp([540, 500, 2]);
    await vi.advanceTimersByTimeAsync(1_300);
    expect(askedAtMs()).toEqual([0, 540, 1_240, 1_242]);
    const awayMs = offsets.map(({ offsetUs }) => Math.round(Math.abs(offsetUs - OFFSET_US) / 1_000));
    expect(awayMs).toEqual([250, 1]);
    probe.stop();
  });

  it("does not insist where the path is long", async () => {
    const { probe, askedAtMs } = setUp([100]);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(askedAtMs().length).toBe(10);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(askedAtMs().length).toBe(15);
    probe.stop();
  });

  it("keeps what it knows of the edge before when it is led to another one", async () => {
    const { probe, offsets } = setUp([2, 2, 400]);
    await vi.advanceTimersByTimeAsync(100);
    probe.start("http://other.test/");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(offsets.at(-1)).toBe(offsets[0]);
    probe.stop();
  });
});
