import { describe, expect, it } from "vitest";
import { type DatedSegment, MediaTimeline } from "./media-timeline.ts";

const T0_MS = 1_790_000_000_123;
const segment = (startS: number, dateMs: number | null, discontinuity = 0): DatedSegment => ({
  startS,
  durationS: 2,
  dateMs,
  discontinuity,
});

describe("MediaTimeline", () => {
  it("reads the dates of the playlist, also before its first and behind its last segment", () => {
    const timeline = new MediaTimeline();
    expect(timeline.mediaUs(1)).toBeUndefined();
    timeline.setSegments([segment(10, T0_MS), segment(12, T0_MS + 2_000)]);
    expect(timeline.mediaUs(11.5)).toBe((T0_MS + 1_500) * 1_000);
    expect(timeline.mediaUs(13)).toBe((T0_MS + 3_000) * 1_000);
    expect(timeline.mediaUs(9)).toBe((T0_MS - 1_000) * 1_000);
    expect(timeline.mediaUs(15)).toBe((T0_MS + 5_000) * 1_000);
  });

  it("is exact to the microsecond where the timestamps in the media are media times", () => {
    const timeline = new MediaTimeline();
    timeline.setSegments([segment(10, T0_MS)]);
    // The first frame is 456 µs after what the playlist could say.
    timeline.setOrigin(0, T0_MS / 1_000 + 0.000456 - 10);
    expect(timeline.mediaUs(10.04)).toBe(T0_MS * 1_000 + 456 + 40_000);
    expect(timeline.toleranceUs).toBeLessThan(10);
  });

  it("goes on without a jump while a segment that was not read yet stands some hundred ms off", () => {
    const timeline = new MediaTimeline();
    const originS = T0_MS / 1_000 + 0.000456 - 10;
    timeline.setOrigin(0, originS);
    timeline.setSegments([segment(10, T0_MS), segment(12, T0_MS + 2_000)]);
    const before = timeline.mediaUs(12.9) ?? Number.NaN;
    timeline.setSegments([segment(10, T0_MS), segment(12.313, T0_MS + 2_000)]);
    const after = timeline.mediaUs(12.933) ?? Number.NaN;
    expect(after - before).toBe(33_000);
  });

  it("stays with the dates where the timestamps count from elsewhere", () => {
    const timeline = new MediaTimeline();
    timeline.setSegments([segment(10, T0_MS)]);
    timeline.setOrigin(0, 3_600);
    expect(timeline.mediaUs(10.04)).toBe(T0_MS * 1_000 + 40_000);
    expect(timeline.toleranceUs).toBeGreaterThan(1_000);
  });

  it("keeps the origins of discontinuities apart, and no more of them than it needs", () => {
    const timeline = new MediaTimeline();
    timeline.setSegments([segment(0, T0_MS, 0), segment(2, T0_MS + 30_000, 1)]);
    timeline.setOrigin(0, T0_MS / 1_000);
    timeline.setOrigin(1, T0_MS / 1_000 + 28 + 0.0005);
    expect(timeline.mediaUs(1)).toBe((T0_MS + 1_000) * 1_000);
    expect(timeline.mediaUs(3)).toBe((T0_MS + 31_000) * 1_000 + 500);
    for (let era = 2; era < 200; era += 1) timeline.setOrigin(era, era);
    expect(timeline.mediaUs(3)).toBe((T0_MS + 31_000) * 1_000);
  });

  it("says nothing without dates", () => {
    const timeline = new MediaTimeline();
    timeline.setSegments([segment(10, null)]);
    expect(timeline.mediaUs(11)).toBeUndefined();
  });
});
