import { describe, expect, it } from "vitest";
import { MediaClock } from "../../ingest/media-clock.ts";
import { PublisherTimeline } from "./publisher-timeline.ts";

const NOW_US = 1_780_000_000_000_000;

describe("PublisherTimeline", () => {
  it("passes wall-clock timestamps through, B-frames included", () => {
    const timeline = new PublisherTimeline(new MediaClock());
    const offsets = [0, 100_000, 33_000, 66_000, 200_000];
    const mapped = offsets.map((offset) => timeline.map("video", NOW_US + offset - 40_000, NOW_US + offset));
    expect(mapped).toEqual(offsets.map((offset) => NOW_US + offset - 40_000));
    expect(timeline.wallClock).toBe(true);
  });

  it("anchors other timestamps, keeps the distances of B-frames, and keeps tracks in step", () => {
    const timeline = new PublisherTimeline(new MediaClock());
    const order = [0, 99_000, 33_000, 66_000, 198_000, 132_000, 165_000];
    const mapped = order.map((offset, index) => timeline.map("video", 5e6 + offset, NOW_US + index * 33_000));
    expect(timeline.wallClock).toBe(false);
    expect(mapped[0]).toBe(NOW_US);
    expect((mapped[1] ?? 0) - (mapped[2] ?? 0)).toBe(66_000);
    expect((mapped[4] ?? 0) - (mapped[6] ?? 0)).toBe(33_000);
    const audio = timeline.map("audio", 5e6 + 198_000, NOW_US + 231_000);
    expect(Math.abs(audio - (mapped[4] ?? 0))).toBeLessThan(2_000);
  });

  it("anchors from then on when wall-clock timestamps lose touch with now", () => {
    const timeline = new PublisherTimeline(new MediaClock());
    timeline.map("video", NOW_US, NOW_US);
    const lost = timeline.map("video", NOW_US + 60e6, NOW_US + 33_000);
    expect(timeline.wallClock).toBe(false);
    expect(Math.abs(lost - NOW_US)).toBeLessThan(1e6);
  });
});
