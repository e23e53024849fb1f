import { describe, expect, it } from "vitest";
import type { Route } from "../store/route.ts";
import { BroadcastPlacement } from "./broadcast-placement.ts";

const OPTIONS = { settleMs: 5_000, spreadMs: 0, movesPerSecond: 2 };

function setUp() {
  let nowMs = 0;
  const placement = new BroadcastPlacement(OPTIONS, { random: () => 0, nowMs: () => nowMs });
  return {
    placement,
    /** Calls `tick` ten times a second, and returns what was moved. */
    pass: (ms: number) => {
      const moved: string[] = [];
      for (const end = nowMs + ms; nowMs < end; ) {
        nowMs += 100;
        moved.push(...placement.tick(nowMs));
      }
      return moved;
    },
  };
}

function routes(path: string, parents: readonly number[]): Route[] {
  return parents.map((id) => ({
    path,
    hops: [1, id],
    source: undefined,
    via: undefined,
    parent: { id, rank: 0 },
    lingerUntilMs: 0,
  }));
}

const PATHS = Array.from({ length: 8 }, (_, index) => `live/${index}`);

describe("BroadcastPlacement", () => {
  it("keeps new broadcasts within the bound from the beginning", () => {
    const { placement } = setUp();
    const loads = new Map<number, number>();
    for (const path of PATHS) {
      const parent = placement.choose(path, routes(path, [11, 12]), false)?.parent?.id ?? 0;
      loads.set(parent, (loads.get(parent) ?? 0) + 1);
    }
    expect(Math.max(...loads.values())).toBeLessThanOrEqual(5);
  });

  it("leaves what flows where it is when a parent comes, and moves it slowly some seconds later", () => {
    const { placement, pass } = setUp();
    for (const path of PATHS) placement.choose(path, routes(path, [11]), true);
    for (const path of PATHS) {
      expect(placement.choose(path, routes(path, [11, 12]), true)?.parent?.id).toBe(11);
    }
    expect(pass(4_900)).toEqual([]);
    expect(pass(500)).toHaveLength(2);
    const moved = pass(20_000);
    expect(moved.length).toBeGreaterThanOrEqual(1);
    for (const path of moved) {
      expect(placement.choose(path, routes(path, [11, 12]), true)?.parent?.id).toBe(12);
    }
    expect(pass(60_000)).toEqual([]);
  });

  it("moves at once what nobody follows, and what has lost its parent", () => {
    const { placement } = setUp();
    for (const path of PATHS) placement.choose(path, routes(path, [11]), false);
    const idle = PATHS.map((path) => placement.choose(path, routes(path, [11, 12]), false)?.parent?.id);
    expect(new Set(idle)).toEqual(new Set([11, 12]));
    for (const path of PATHS) {
      expect(placement.choose(path, routes(path, [12]), true)?.parent?.id).toBe(12);
    }
  });

  it("is not put off for ever by broadcasts that come and go", () => {
    const { placement, pass } = setUp();
    for (const path of PATHS) placement.choose(path, routes(path, [11]), true);
    for (const path of PATHS) placement.choose(path, routes(path, [11, 12]), true);
    let moved = 0;
    for (let second = 0; second < 20; second += 1) {
      placement.choose(`passing/${second}`, routes(`passing/${second}`, [11, 12]), false);
      moved += pass(1_000).filter((path) => path.startsWith("live/")).length;
      placement.forget(`passing/${second}`);
    }
    expect(moved).toBeGreaterThan(0);
  });
});
