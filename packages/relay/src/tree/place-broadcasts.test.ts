import { describe, expect, it } from "vitest";
import { type PlacedBroadcast, pickParent, placeBroadcasts, shareOf } from "./place-broadcasts.ts";

const PARENTS = [11, 12, 13, 14, 15];

function broadcasts(count: number, parents: readonly number[] = PARENTS): PlacedBroadcast[] {
  return Array.from({ length: count }, (_, index) => ({ path: `live/${index}`, parents }));
}

function loadsOf(placed: ReadonlyMap<string, number>): number[] {
  const loads = new Map<number, number>();
  for (const id of placed.values()) loads.set(id, (loads.get(id) ?? 0) + 1);
  return [...loads.values()];
}

function movedBetween(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  return [...a].filter(([path, id]) => b.has(path) && b.get(path) !== id).length;
}

describe("placeBroadcasts", () => {
  it("gives no parent more than 1.25 times its share, for any number of broadcasts", () => {
    for (const count of [1, 2, 3, 7, 20, 333, 2_000]) {
      const placed = placeBroadcasts(broadcasts(count));
      expect(placed.size).toBe(count);
      expect(Math.max(...loadsOf(placed))).toBeLessThanOrEqual(Math.ceil((1.25 * count) / 5));
    }
  });

  it("is the same for everybody, in whatever order they heard of broadcasts and parents", () => {
    const forward = placeBroadcasts(broadcasts(300));
    const backward = placeBroadcasts(broadcasts(300, PARENTS.toReversed()).toReversed());
    expect(new Map(backward)).toEqual(forward);
  });

  it("moves little more than a parent's own broadcasts when it goes, and few when a broadcast comes", () => {
    const before = placeBroadcasts(broadcasts(1_000));
    const without = placeBroadcasts(broadcasts(1_000, PARENTS.slice(1)));
    const own = [...before.values()].filter((id) => id === PARENTS[0]).length;
    expect(movedBetween(before, without)).toBeLessThan(own + 150);
    expect(movedBetween(before, placeBroadcasts(broadcasts(1_001)))).toBeLessThan(20);
  });

  it("places a broadcast at the parents only that have it", () => {
    const placed = placeBroadcasts([
      { path: "live/a", parents: [12] },
      { path: "live/b", parents: [12] },
      { path: "live/c", parents: [12] },
      { path: "live/none", parents: [] },
    ]);
    expect([...placed.values()]).toEqual([12, 12, 12]);
  });
});

describe("pickParent", () => {
  it("falls back to the one with the fewest when all have their share", () => {
    const loads = new Map([
      [11, 5],
      [12, 4],
    ]);
    expect(pickParent(1, [11, 12], loads, 4)).toBe(12);
    expect(shareOf(10, 0)).toBe(0);
  });
});
