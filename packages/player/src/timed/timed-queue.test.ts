import type { TimedMessage } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { type TimedEventDetail, TimedQueue } from "./timed-queue.ts";

const message = (id: string, at: number): TimedMessage => ({ v: 1, id, type: "cue", at, data: null });

function present(queue: TimedQueue, timestampUs: number): string[] {
  const fired: TimedEventDetail[] = [];
  queue.onPresented(timestampUs, (detail) => fired.push(detail));
  for (const detail of fired) expect(detail.mediaTimeUs).toBe(timestampUs);
  return fired.map((detail) => detail.message.id);
}

describe("TimedQueue", () => {
  it("fires on the first frame that is not before the message, once, in order of time", () => {
    const queue = new TimedQueue();
    present(queue, 1_000);
    queue.add(message("b", 1_040), "track");
    queue.add(message("a", 1_039), "sei");
    queue.add(message("a", 1_039), "track");
    expect(present(queue, 1_038)).toEqual([]);
    expect(present(queue, 1_040)).toEqual(["a", "b"]);
    queue.add(message("a", 1_039), "sei");
    expect(present(queue, 1_080)).toEqual([]);
  });

  it("fires messages of one time in order of their ids, whatever way they came", () => {
    const queue = new TimedQueue();
    present(queue, 1_000);
    for (const id of ["c", "a", "b"]) queue.add(message(id, 1_500), "track");
    queue.add(message("z", 1_400), "track");
    expect(queue.nextUs).toBe(1_400);
    expect(present(queue, 1_500)).toEqual(["z", "a", "b", "c"]);
    expect(queue.nextUs).toBe(Number.POSITIVE_INFINITY);
  });

  it("does not fire what was due before this viewer's first frame", () => {
    const queue = new TimedQueue();
    queue.add(message("old", 999), "track");
    queue.add(message("exact", 1_000), "track");
    expect(present(queue, 1_000)).toEqual(["exact"]);
    queue.add(message("older", 500), "track");
    expect(present(queue, 1_040)).toEqual([]);
  });

  it("fires a late message on the next frame", () => {
    const queue = new TimedQueue();
    present(queue, 1_000);
    present(queue, 2_000);
    queue.add(message("late", 1_500), "track");
    expect(present(queue, 2_040)).toEqual(["late"]);
  });

  it("loses nothing when frames are skipped", () => {
    const queue = new TimedQueue();
    present(queue, 1_000);
    for (let index = 0; index < 20; index += 1) queue.add(message(`m${index}`, 1_100 + index * 10), "track");
    expect(present(queue, 9_000)).toHaveLength(20);
  });

  it("forgets what waited when playback starts anew", () => {
    const queue = new TimedQueue();
    present(queue, 1_000);
    queue.add(message("missed", 1_500), "track");
    queue.rejoin();
    expect(present(queue, 5_000)).toEqual([]);
    queue.add(message("next", 5_001), "track");
    expect(present(queue, 5_040)).toEqual(["next"]);
  });

  it("is bounded", () => {
    const queue = new TimedQueue();
    for (let index = 0; index < 3_000; index += 1) queue.add(message(`m${index}`, index), "track");
    expect(queue.waiting).toBe(1024);
    expect(queue.dropped).toBe(3_000 - 1024);
  });
});
