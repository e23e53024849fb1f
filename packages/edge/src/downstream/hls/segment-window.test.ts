import { describe, expect, it } from "vitest";
import { planPictureParts } from "./part-plan.ts";
import { SegmentWindow } from "./segment-window.ts";

function makeWindow(limits: { windowMs?: number; maxBytes?: number } = {}) {
  const counts = { bytes: 0, growths: 0 };
  const window = new SegmentWindow(
    { id: "0123456789", firstSequence: 100, plan: planPictureParts(33_333) },
    { windowMs: 10_000, maxBytes: 1_000_000, ...limits },
    {
      onBytes: (delta) => {
        counts.bytes += delta;
      },
      onGrowth: () => {
        counts.growths += 1;
      },
    },
  );
  window.addInit(Uint8Array.of(1));
  return { window, counts };
}

function fill(window: SegmentWindow, segments: number, parts = 4, bytes = 10): void {
  for (let index = 0; index < segments; index += 1) {
    window.openSegment({ startUs: index * parts * 300_000, era: 0, init: 0 });
    for (let part = 0; part < parts; part += 1) {
      window.addPart({ durationUs: 300_000, isIndependent: part === 0, bytes: Buffer.alloc(bytes, part) });
    }
    window.publish();
  }
}

describe("SegmentWindow", () => {
  it("numbers segments without a gap and completes each with the next", () => {
    const { window } = makeWindow();
    fill(window, 3);
    expect(window.segments.map(({ sequence, isComplete }) => [sequence, isComplete])).toEqual([
      [100, true],
      [101, true],
      [102, false],
    ]);
    expect(window.targetSeconds).toBe(1);
    expect(window.isReady).toBe(true);
  });

  it("gives the place of a segment that stayed empty to the next one, also that of the first", () => {
    const { window } = makeWindow();
    window.openSegment({ startUs: 0, era: 0, init: 0 }, 50);
    window.openSegment({ startUs: 1, era: 1, init: 0 }, 51);
    expect(window.segments.map(({ sequence, era }) => [sequence, era])).toEqual([[51, 1]]);
    window.addPart({ durationUs: 1, isIndependent: true, bytes: Buffer.alloc(1) });
    window.openSegment({ startUs: 2, era: 1, init: 0 });
    window.openSegment({ startUs: 3, era: 2, init: 0 });
    expect(window.segments.map(({ sequence, startUs, era }) => [sequence, startUs, era])).toEqual([
      [51, 1, 1],
      [52, 3, 2],
    ]);
    expect(window.nextSequence).toBe(53);
  });

  it("forgets the eras before one, and keeps a segment", () => {
    const { window, counts } = makeWindow();
    for (const era of [0, 0, 1, 1]) {
      window.openSegment({ startUs: 0, era, init: 0 });
      window.addPart({ durationUs: 300_000, isIndependent: true, bytes: Buffer.alloc(10) });
    }
    window.forgetBefore(1);
    expect(window.segments.map(({ sequence }) => sequence)).toEqual([102, 103]);
    expect([counts.bytes, window.spanUs]).toEqual([20, 600_000]);
    window.forgetBefore(2);
    expect(window.segments.map(({ sequence }) => sequence)).toEqual([103]);
  });

  it("knows what is reached: parts, whole segments, and parts behind a segment's last", () => {
    const { window } = makeWindow();
    fill(window, 2);
    expect(window.hasReached({ sequence: 100, part: undefined })).toBe(true);
    expect(window.hasReached({ sequence: 101, part: undefined })).toBe(false);
    expect(window.hasReached({ sequence: 101, part: 3 })).toBe(true);
    expect(window.hasReached({ sequence: 101, part: 4 })).toBe(false);
    window.openSegment({ startUs: 9, era: 0, init: 0 });
    // Part 4 of a segment that ended with part 3 is part 0 of the next.
    expect(window.hasReached({ sequence: 101, part: 4 })).toBe(false);
    window.addPart({ durationUs: 1, isIndependent: true, bytes: Buffer.alloc(1) });
    expect(window.hasReached({ sequence: 101, part: 4 })).toBe(true);
    expect(window.hasReached({ sequence: 103, part: 0 })).toBe(false);
  });

  it("lets old segments go by time and by bytes, and gives their bytes back", () => {
    const { window, counts } = makeWindow({ windowMs: 5_000 });
    fill(window, 20);
    const spanMs = window.segments.reduce((sum, { durationUs }) => sum + durationUs, 0) / 1_000;
    expect(spanMs).toBeLessThan(5_000 + 2_400);
    expect(counts.bytes).toBe(window.segments.length * 40);
    const tight = makeWindow({ maxBytes: 100 });
    fill(tight.window, 20);
    expect(tight.window.segments.length).toBe(4);
    expect(tight.window.find(100)).toBeUndefined();
    tight.window.close();
    expect(tight.counts.bytes).toBe(0);
  });

  it("holds a whole segment once: its parts become views of it", () => {
    const { window } = makeWindow();
    fill(window, 2);
    const segment = window.find(100);
    if (segment === undefined) throw new Error("no segment");
    const body = window.bodyOf(segment);
    expect(body.byteLength).toBe(40);
    expect(segment.parts[2]?.bytes.buffer).toBe(body.buffer);
    expect([...(segment.parts[3]?.bytes ?? [])]).toEqual(new Array(10).fill(3));
    expect(window.bodyOf(segment)).toBe(body);
  });

  it("forgets init segments that no segment needs any more", () => {
    const { window } = makeWindow({ maxBytes: 10 });
    fill(window, 2);
    const init = window.addInit(Uint8Array.of(2));
    for (let index = 0; index < 8; index += 1) {
      window.openSegment({ startUs: index, era: 1, init });
      window.addPart({ durationUs: 1, isIndependent: true, bytes: Buffer.alloc(10) });
    }
    expect([...window.inits.keys()]).toEqual([init]);
  });
});
