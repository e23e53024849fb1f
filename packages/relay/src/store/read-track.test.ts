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
  const read = (leavesNoneOut: boolean): number[] => {
    const seen: number[] = [];
    track.subscribe(
      { onFrame: ({ timestamp }) => seen.push(timestamp), onClosed: () => {} },
      { leavesNoneOut },
    );
    return seen;
  };
  return { come, read };
}

describe("readTrack", () => {
  it("reads groups that others have overtaken, in their order, where none may be left out", () => {
    const { come, read } = setUp();
    const inOrder = read(false);
    const complete = read(true);
    for (const sequence of [3, 5, 4, 8, 7, 6, 4, 9]) come(sequence);
    expect(inOrder).toEqual([3, 5, 8, 9]);
    expect(complete).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });
});
