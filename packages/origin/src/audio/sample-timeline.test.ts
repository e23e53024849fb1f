import { describe, expect, it } from "vitest";
import { SampleTimeline } from "./sample-timeline.ts";

const START_US = 1_764_000_000_000_000;
const AAC_SAMPLES = 1_024;
const OPUS_SAMPLES = 960;

/** Feeds blocks at these times and takes whole blocks of 20 ms as they become complete, as the transcoder does. */
function transcode(timeline: SampleTimeline, times: readonly number[], rate: number, seen: number[] = []) {
  let held = 0;
  for (const mediaUs of times) {
    if (!timeline.continues(mediaUs)) {
      timeline.restart();
      held = 0;
    }
    timeline.feed(mediaUs, AAC_SAMPLES, rate);
    held += (AAC_SAMPLES * 48_000) / rate;
    while (held >= OPUS_SAMPLES) {
      held -= OPUS_SAMPLES;
      seen.push(timeline.take(OPUS_SAMPLES));
    }
  }
  return seen;
}

const blocks = (count: number, rate: number, startUs = START_US): number[] =>
  Array.from({ length: count }, (_, index) => startUs + (index * AAC_SAMPLES * 1e6) / rate);

function worstError(seen: readonly number[], startUs = START_US): number {
  return seen.reduce((worst, mediaUs, index) => {
    return Math.max(worst, Math.abs(mediaUs - startUs - index * 20_000));
  }, 0);
}

describe("SampleTimeline", () => {
  it.each([48_000, 44_100, 24_000, 8_000])("counts samples without drift for an hour at %i Hz", (rate) => {
    const seen = transcode(new SampleTimeline(48_000), blocks((3_600 * rate) / AAC_SAMPLES, rate), rate);
    expect(worstError(seen)).toBeLessThanOrEqual(1);
  });

  it("follows timestamps in whole milliseconds to within a millisecond", () => {
    const rounded = blocks(1_000, 44_100).map((mediaUs) => Math.floor(mediaUs / 1_000) * 1_000);
    expect(worstError(transcode(new SampleTimeline(48_000), rounded, 44_100))).toBeLessThanOrEqual(1_001);
  });

  it("follows a clock that is slewed to half its speed, and goes on growing", () => {
    const slewed = blocks(100, 48_000).map((mediaUs) => START_US + (mediaUs - START_US) / 2);
    const seen = transcode(new SampleTimeline(48_000), slewed, 48_000);
    for (const [index, mediaUs] of seen.entries()) {
      expect(Math.abs(mediaUs - START_US - index * 10_000)).toBeLessThan(11_000);
      if (index > 0) expect(mediaUs).toBeGreaterThan(seen[index - 1] ?? 0);
    }
  });

  it("shows a single lost block as a step of the time, at the block that follows it", () => {
    const lost = blocks(20, 48_000).filter((_, index) => index !== 10);
    const seen = transcode(new SampleTimeline(48_000), lost, 48_000);
    const end = seen.at(-1) ?? 0;
    const steps = seen.slice(1).map((mediaUs, index) => mediaUs - (seen[index] ?? 0));
    expect(steps.filter((step) => Math.abs(step - 20_000) > 1)).toEqual([expect.closeTo(41_333, -1)]);
    expect(end - START_US).toBeGreaterThan(18.5 * 21_333);
  });

  it("begins anew after a gap and when time steps back", () => {
    const timeline = new SampleTimeline(48_000);
    transcode(timeline, blocks(10, 48_000), 48_000);
    const endUs = START_US + (10 * AAC_SAMPLES * 1e6) / 48_000;
    expect(timeline.continues(endUs + 40_000)).toBe(true);
    expect(timeline.continues(endUs + 41_000)).toBe(false);
    expect(timeline.continues(endUs - 41_000)).toBe(false);

    const laterUs = START_US + 5_000_000;
    const seen = transcode(timeline, blocks(10, 48_000, laterUs), 48_000);
    expect(worstError(seen, laterUs)).toBeLessThanOrEqual(1);
    const earlierUs = START_US - 5_000_000;
    expect(
      worstError(transcode(timeline, blocks(10, 48_000, earlierUs), 48_000), earlierUs),
    ).toBeLessThanOrEqual(1);
  });

  it("takes blocks whose sample rate changes", () => {
    const timeline = new SampleTimeline(48_000);
    const seen = transcode(timeline, blocks(480, 48_000), 48_000);
    const nextUs = START_US + (480 * AAC_SAMPLES * 1e6) / 48_000;
    transcode(timeline, blocks(441, 44_100, nextUs), 44_100, seen);
    expect(worstError(seen)).toBeLessThanOrEqual(1);
  });
});
