import { readTimedMessages } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { DEFAULT_TIMED_LIMITS } from "./timed-limits.ts";
import { AFTER_NEWEST_US, type MediaPosition, TimedScheduler } from "./timed-scheduler.ts";

const NOW_US = 1_780_000_000_000_000;

function createScheduler(limits: Partial<typeof DEFAULT_TIMED_LIMITS> = {}): TimedScheduler {
  let count = 0;
  return new TimedScheduler(
    { ...DEFAULT_TIMED_LIMITS, ...limits },
    { createId: () => `01J0000000000000000000${String(count++).padStart(4, "0")}` },
  );
}

function position(overrides: Partial<MediaPosition> = {}): MediaPosition {
  return { nowUs: NOW_US, newestUs: NOW_US - 50_000, hasVideo: true, ...overrides };
}

/** Ids of the messages in SEI units. */
function idsOf(units: readonly Uint8Array[]): string[] {
  return units.flatMap((unit) => {
    const annexB = new Uint8Array(unit.length + 4);
    annexB[3] = 1;
    annexB.set(unit, 4);
    return readTimedMessages(annexB).map((read) => read.message.id);
  });
}

describe("TimedScheduler", () => {
  it("puts a message on the first access unit at or after its time and on the two following ones", () => {
    const scheduler = createScheduler();
    const at = NOW_US + 100_000;
    const { message } = scheduler.accept({ type: "cue", data: 1, at }, position());
    expect(message).toMatchObject({ v: 1, type: "cue", at, data: 1 });
    // Decoding order of I P B B with B-frames: the first one that is late enough counts, whatever follows.
    const timestamps = [at - 40_000, at + 60_000, at - 20_000, at, at + 100_000, at + 140_000];
    const carried = timestamps.map((timestampUs) => idsOf(scheduler.take(timestampUs)).length);
    expect(carried).toEqual([0, 1, 0, 1, 1, 0]);
    expect(scheduler.pending).toBe(0);
  });

  it("puts a message on every rendition as often, and does not wait for one that has stopped", () => {
    const scheduler = createScheduler();
    for (const rendition of [0, 1, 2]) scheduler.take(NOW_US - 100_000, rendition);
    scheduler.accept({ type: "cue", data: 1, at: NOW_US }, position());
    const take = (rendition: number, count: number): number =>
      Array.from(
        { length: count },
        (_, unit) => scheduler.take(NOW_US + unit * 33_333, rendition).length,
      ).reduce((sum, units) => sum + units);
    expect([take(0, 6), take(1, 6)]).toEqual([3, 3]);
    expect(scheduler.pending).toBe(1);
    expect(scheduler.take(NOW_US + 2_100_000, 0)).toHaveLength(0);
    expect(scheduler.pending).toBe(0);
  });

  it("moves a time that has passed to just after the newest frame and answers that time", () => {
    const scheduler = createScheduler();
    const newestUs = NOW_US + 7;
    const passed = scheduler.accept(
      { type: "a", data: null, at: NOW_US - 5_000_000 },
      position({ newestUs }),
    );
    expect(passed.message.at).toBe(newestUs + AFTER_NEWEST_US);
    const atOnce = scheduler.accept({ type: "a", data: null }, position({ newestUs }));
    expect(atOnce.message.at).toBe(newestUs + AFTER_NEWEST_US);
    expect(scheduler.take(newestUs)).toHaveLength(0);
    expect(scheduler.take(newestUs + AFTER_NEWEST_US)).toHaveLength(2);
  });

  it("counts a delay from now", () => {
    const { message } = createScheduler().accept({ type: "a", data: null, delayMs: 1_500 }, position());
    expect(message.at).toBe(NOW_US + 1_500_000);
  });

  it("repeats as often as asked, at most ten times", () => {
    const scheduler = createScheduler();
    scheduler.accept({ type: "a", data: null, repeat: 1 }, position());
    expect(scheduler.take(NOW_US)).toHaveLength(1);
    expect(scheduler.take(NOW_US)).toHaveLength(0);
    scheduler.accept({ type: "a", data: null, repeat: 1_000 }, position());
    let carried = 0;
    for (let unit = 0; unit < 50; unit++) carried += scheduler.take(NOW_US).length;
    expect(carried).toBe(10);
  });

  it("lets several messages share an access unit, and spreads more than the bound over the next ones", () => {
    const scheduler = createScheduler({ maxPerAccessUnit: 4 });
    for (let index = 0; index < 6; index++)
      scheduler.accept({ type: "a", data: index, repeat: 1 }, position());
    expect(scheduler.take(NOW_US)).toHaveLength(4);
    expect(scheduler.take(NOW_US)).toHaveLength(2);
  });

  it("names the limit that a message breaks", () => {
    const scheduler = createScheduler();
    const large = { type: "a", data: "x".repeat(1_024) };
    expect(() => scheduler.accept(large, position())).toThrowError(
      expect.objectContaining({ code: "timed-too-large", message: expect.stringContaining("1024 bytes") }),
    );
    for (let index = 0; index < 30; index++) scheduler.accept({ type: "a", data: null }, position());
    expect(() => scheduler.accept({ type: "a", data: null }, position())).toThrowError(
      expect.objectContaining({
        code: "timed-rate",
        message: expect.stringContaining("30 timed messages per second"),
      }),
    );
    const later = position({ nowUs: NOW_US + 1_000_000 });
    const big = { type: "a", data: "x".repeat(900) };
    for (let index = 0; index < 8; index++) scheduler.accept(big, later);
    expect(() => scheduler.accept(big, later)).toThrowError(
      expect.objectContaining({ code: "timed-rate", message: expect.stringContaining("8192 bytes") }),
    );
  });

  it("refuses a time too far ahead, and more pending messages than its bound", () => {
    const scheduler = createScheduler({ maxPending: 2 });
    expect(() => scheduler.accept({ type: "a", data: null, at: NOW_US * 2 }, position())).toThrowError(
      expect.objectContaining({ code: "timed-invalid" }),
    );
    const later = { type: "a", data: null, delayMs: 60_000 };
    scheduler.accept(later, position());
    scheduler.accept(later, position());
    expect(() => scheduler.accept(later, position())).toThrowError(
      expect.objectContaining({ code: "timed-rate" }),
    );
  });

  it("keeps nothing for access units when there is no video", () => {
    const scheduler = createScheduler();
    const { bytes } = scheduler.accept({ type: "a", data: null }, position({ hasVideo: false }));
    expect(bytes.length).toBeGreaterThan(0);
    expect(scheduler.pending).toBe(0);
  });
});
