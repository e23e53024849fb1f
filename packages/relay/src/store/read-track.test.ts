import { describe, expect, it } from "vitest";
import type { RouteSource } from "./route.ts";
import { Store } from "./store.ts";

const SOURCE: RouteSource = { openTrack: () => ({ update: () => {}, close: () => {} }) };

function setUp() {
  const store = new Store({}, { clock: { nowMs: () => 1e12, nowUs: () => 1e15 }, schedule: () => {} });
  store.addRoute("live/demo", { hops: [7], source: SOURCE });
  const track = store.get("live/demo")?.request("timed");
  if (track === undefined) throw new Error("no track");
  const come = (sequence: number): void => {
    const group = track.receiveGroup(sequence);
    group?.append(sequence, new Uint8Array(1));
    group?.finish();
    store.flush();
  };
  const read = (anyOrder: boolean): number[] => {
    const seen: number[] = [];
    track.subscribe({ onFrame: ({ timestamp }) => seen.push(timestamp), onClosed: () => {} }, { anyOrder });
    return seen;
  };
  return { come, read };
}

describe("readTrack", () => {
  it("reads groups that others have overtaken, each once, where their order is of no matter", () => {
    const { come, read } = setUp();
    const inOrder = read(false);
    const inAnyOrder = read(true);
    for (const sequence of [3, 5, 4, 8, 7, 6, 4, 9]) come(sequence);
    expect(inOrder).toEqual([3, 5, 8, 9]);
    expect(inAnyOrder).toEqual([3, 5, 4, 8, 7, 6, 9]);
  });
});
