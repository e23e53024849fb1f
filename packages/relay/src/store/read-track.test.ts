import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RouteSource } from "./route.ts";
import { Store } from "./store.ts";

const SOURCE: RouteSource = { openTrack: () => ({ update: () => {}, close: () => {} }) };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const time = { ms: 1e12 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 };
  const queue = { flushes: 0 };
  const store = new Store(
    {},
    {
      clock,
      schedule: () => {
        queue.flushes += 1;
      },
    },
  );
  store.addRoute("live/demo", { hops: [7], source: SOURCE });
  const track = store.get("live/demo")?.request("timed");
  if (track === undefined) throw new Error("no track");
  const come = (sequence: number): void => {
    const group = track.receiveGroup(sequence);
    group?.append(sequence, new Uint8Array(1));
    group?.finish();
    store.flush();
  };
  const read = (leavesNoneOut: boolean) => {
    const seen: (number | "closed")[] = [];
    const reading = track.subscribe(
      { onFrame: ({ timestamp }) => seen.push(timestamp), onClosed: () => seen.push("closed") },
      { leavesNoneOut },
    );
    return { seen, reading };
  };
  /** `clockMs`: what the store's clock makes of it. */
  const pass = (ms: number, clockMs = ms): void => {
    time.ms += clockMs;
    queue.flushes = 0;
    vi.advanceTimersByTime(ms);
    if (queue.flushes > 0) store.flush();
  };
  return { store, track, come, read, pass };
}

describe("readTrack", () => {
  it("reads groups that others have overtaken, in their order, where none may be left out", () => {
    const { come, read } = setUp();
    const inOrder = read(false).seen;
    const complete = read(true).seen;
    for (const sequence of [3, 5, 4, 8, 7, 6, 4, 9]) come(sequence);
    expect(inOrder).toEqual([3, 5, 8, 9]);
    expect(complete).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  it("waits 200 ms for a missing group, and reads it late when it comes after that", () => {
    const { come, read, pass } = setUp();
    const { seen } = read(true);
    come(3);
    come(5);
    pass(150);
    expect(seen).toEqual([3]);
    pass(100);
    expect(seen).toEqual([3, 5]);
    come(4);
    come(6);
    expect(seen).toEqual([3, 5, 4, 6]);
  });

  it("waits for each missing group anew", () => {
    const { come, read, pass } = setUp();
    const { seen } = read(true);
    come(3);
    come(5);
    pass(100);
    come(4);
    come(7);
    pass(150);
    expect(seen).toEqual([3, 4, 5]);
    pass(52);
    expect(seen).toEqual([3, 4, 5, 7]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not wait for the store's clock when that is set back", () => {
    const { come, read, pass } = setUp();
    const { seen } = read(true);
    come(3);
    come(5);
    pass(250, -60_000);
    expect(seen).toEqual([3, 5]);
  });

  it("does not wait for ever when the store's clock stands still", () => {
    const { come, read, pass } = setUp();
    const { seen } = read(true);
    come(3);
    come(5);
    pass(250, 0);
    expect(seen).toEqual([3]);
    pass(250);
    expect(seen).toEqual([3, 5]);
  });

  it("waits for nothing once the track has ended", () => {
    const { store, track, come, read, pass } = setUp();
    const { seen } = read(true);
    come(3);
    come(5);
    track.close();
    store.flush();
    expect(seen).toEqual([3, 5, "closed"]);
    pass(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells a reader that has left nothing more", () => {
    const { come, read, pass } = setUp();
    const { seen, reading } = read(true);
    come(3);
    come(5);
    reading.close();
    expect(vi.getTimerCount()).toBe(0);
    pass(1_000);
    expect(seen).toEqual([3]);
  });
});
