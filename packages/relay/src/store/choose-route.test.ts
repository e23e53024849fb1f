import { describe, expect, it } from "vitest";
import { candidateRoutes, chooseRoute, hashRoute, sameIncarnation } from "./choose-route.ts";
import type { Route } from "./route.ts";

function route(hops: readonly number[], lingerUntilMs = 0): Route {
  return { path: "live/demo", hops, source: undefined, via: undefined, lingerUntilMs };
}

describe("chooseRoute", () => {
  it("prefers live routes to lingering ones, then the fewest hops", () => {
    const lingering = route([1], 5_000);
    const long = route([1, 2, 3]);
    const short = route([1, 2]);
    expect(chooseRoute([lingering, long])).toBe(long);
    expect(chooseRoute([lingering, long, short])).toBe(short);
    expect(chooseRoute([])).toBeUndefined();
  });

  it("decides between equals by path and hops, whatever their order", () => {
    const a = route([1, 2]);
    const b = route([1, 3]);
    expect(chooseRoute([a, b])).toBe(chooseRoute([b, a]));
    expect(hashRoute("x", [1, 2])).not.toBe(hashRoute("x", [2, 1]));
    expect(hashRoute("x", [1])).not.toBe(hashRoute("x", [1 + 2 ** 32]));
  });
});

describe("candidateRoutes", () => {
  it("keeps to a live incarnation, and to what is published here", () => {
    const current = route([1, 2]);
    const other = route([5]);
    const here = route([]);
    expect(candidateRoutes([current, other], current)).toEqual([current]);
    expect(candidateRoutes([current, other, here], current)).toEqual([current, here]);
  });

  it("lets another incarnation take over once the present one is gone or only lingers", () => {
    const lingering = route([1, 2], 5_000);
    const other = route([5]);
    expect(candidateRoutes([lingering, other], lingering)).toEqual([lingering, other]);
    expect(candidateRoutes([other, route([6])], lingering)).toHaveLength(2);
  });
});

describe("sameIncarnation", () => {
  it("goes by the known first hop", () => {
    expect(sameIncarnation(route([1, 2]), route([1, 3, 4]))).toBe(true);
    expect(sameIncarnation(route([1, 2]), route([5, 2]))).toBe(false);
    expect(sameIncarnation(route([0, 2]), route([0, 2]))).toBe(false);
    expect(sameIncarnation(route([]), route([]))).toBe(true);
    expect(sameIncarnation(route([]), route([1]))).toBe(false);
  });
});
