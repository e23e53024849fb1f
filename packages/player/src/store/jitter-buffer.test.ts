import { describe, expect, it } from "vitest";
import type { EncodedFrame } from "./encoded-frame.ts";
import { JitterBuffer } from "./jitter-buffer.ts";

const NEVER = Number.NEGATIVE_INFINITY;

function frame(timestampUs: number, isKey = false, bytes = 10): EncodedFrame {
  return { timestampUs, payload: new Uint8Array(bytes), isKey };
}

/** Pushes `count` frames, 40 ms apart from `startUs`, the first one a keyframe. */
function pushGroup(buffer: JitterBuffer, sequence: number, startUs: number, count: number): void {
  buffer.openGroup(sequence);
  for (let index = 0; index < count; index += 1) {
    buffer.push(sequence, frame(startUs + index * 40_000, index === 0));
  }
}

function takeAll(buffer: JitterBuffer, mediaUs: number): number[] {
  const taken: number[] = [];
  while (buffer.peek(mediaUs) !== undefined) taken.push(buffer.take()?.timestampUs ?? -1);
  return taken;
}

/** Looks as a player does that runs all the time; nothing comes. */
function waitUntil(buffer: JitterBuffer, fromUs: number, toUs: number): void {
  for (let mediaUs = fromUs; mediaUs < toUs; mediaUs += 16_000) expect(buffer.peek(mediaUs)).toBeUndefined();
}

describe("JitterBuffer", () => {
  it("gives the frames of complete groups in decode order, whatever order the groups came in", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 7, 0, 2);
    expect(takeAll(buffer, NEVER)).toEqual([0, 40_000]);
    pushGroup(buffer, 9, 160_000, 2);
    pushGroup(buffer, 8, 80_000, 2);
    for (const sequence of [7, 8, 9]) buffer.endGroup(sequence);
    expect(takeAll(buffer, NEVER)).toEqual([80_000, 120_000, 160_000, 200_000]);
    expect(buffer.stats).toEqual({ frames: 0, bytes: 0, gaps: 0, droppedFrames: 0 });
  });

  it("keeps decode order inside a group although times go back with B-frames", () => {
    const buffer = new JitterBuffer();
    for (const timestampUs of [0, 120_000, 40_000, 80_000]) buffer.push(1, frame(timestampUs));
    expect(takeAll(buffer, NEVER)).toEqual([0, 120_000, 40_000, 80_000]);
    expect(buffer.newestUs).toBe(120_000);
  });

  it("waits for the rest of an open group while the next one is not due", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 1);
    pushGroup(buffer, 2, 1_000_000, 1);
    expect(takeAll(buffer, 500_000)).toEqual([0]);
    buffer.push(1, frame(40_000));
    expect(takeAll(buffer, 500_000)).toEqual([40_000]);
  });

  it("gives up an incomplete group when the next one is about to be due", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 1);
    pushGroup(buffer, 2, 1_000_000, 2);
    takeAll(buffer, 0);
    waitUntil(buffer, 10_000, 960_000);
    expect(takeAll(buffer, 970_000)).toEqual([1_000_000, 1_040_000]);
    expect(buffer.stats.gaps).toBe(1);
    buffer.push(1, frame(40_000));
    expect(buffer.stats.droppedFrames).toBe(1);
  });

  it("waits a moment for the rest of a group when all is due at once, as after the page could not run", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 2);
    expect(takeAll(buffer, 40_000)).toEqual([0, 40_000]);
    pushGroup(buffer, 2, 1_000_000, 1);
    expect(takeAll(buffer, 5_000_000)).toEqual([]);
    buffer.push(1, frame(80_000));
    buffer.endGroup(1);
    expect(takeAll(buffer, 5_016_000)).toEqual([80_000, 1_000_000]);
    expect(buffer.stats.gaps).toBe(0);
  });

  it("waits for as long as it is told to", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 1);
    pushGroup(buffer, 2, 1_000_000, 1);
    takeAll(buffer, 0);
    for (let mediaUs = 1_000_000; mediaUs < 1_900_000; mediaUs += 20_000) {
      expect(buffer.peek(mediaUs, 1_000_000)).toBeUndefined();
    }
    expect(buffer.peek(2_200_000)?.timestampUs).toBe(1_000_000);
  });

  it("jumps over a group that never came", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 1);
    buffer.endGroup(1);
    pushGroup(buffer, 3, 2_000_000, 1);
    expect(takeAll(buffer, 1_000_000)).toEqual([0]);
    waitUntil(buffer, 1_000_000, 1_960_000);
    expect(takeAll(buffer, 1_990_000)).toEqual([2_000_000]);
    expect(buffer.stats.gaps).toBe(1);
  });

  it("goes on at the next group at once after an aborted one", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 2);
    buffer.abortGroup(1);
    pushGroup(buffer, 2, 1_000_000, 1);
    expect(takeAll(buffer, 0)).toEqual([0, 40_000, 1_000_000]);
  });

  it("skips to the newest group that is due", () => {
    const buffer = new JitterBuffer();
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      pushGroup(buffer, sequence, sequence * 1_000_000, 3);
      buffer.endGroup(sequence);
    }
    expect(buffer.skipTo(3_500_000)).toBe(true);
    expect(buffer.peek(3_500_000)).toMatchObject({ timestampUs: 3_000_000, isKey: true });
    expect(buffer.stats.droppedFrames).toBe(6);
    expect(buffer.skipTo(3_500_000)).toBe(false);
    expect(buffer.skipToNewest()).toBe(true);
    expect(buffer.peek(0)?.timestampUs).toBe(4_000_000);
  });

  it("stays within its bounds by dropping the oldest group", () => {
    const buffer = new JitterBuffer();
    for (let sequence = 1; sequence <= 200; sequence += 1) pushGroup(buffer, sequence, sequence * 1e6, 30);
    expect(buffer.stats.frames).toBeLessThanOrEqual(1024);
    expect(buffer.peek(NEVER)?.isKey).toBe(true);
    const flooded = new JitterBuffer();
    for (let index = 0; index < 40; index += 1) flooded.push(1, frame(index, index === 0, 1_000_000));
    expect(flooded.stats.bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    pushGroup(flooded, 2, 1e6, 1);
    expect(flooded.peek(1e6)).toMatchObject({ timestampUs: 1e6, isKey: true });
  });

  it("passes over what it has of a group that comes again over another session", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 1, 0, 4);
    buffer.take();
    pushGroup(buffer, 1, 0, 6);
    buffer.endGroup(1);
    expect(takeAll(buffer, NEVER)).toEqual([40_000, 80_000, 120_000, 160_000, 200_000]);
  });

  it("is empty after clear and takes any sequence", () => {
    const buffer = new JitterBuffer();
    pushGroup(buffer, 100, 0, 3);
    buffer.clear();
    expect(buffer.stats).toMatchObject({ frames: 0, bytes: 0 });
    pushGroup(buffer, 5, 0, 1);
    expect(takeAll(buffer, 0)).toEqual([0]);
  });
});
