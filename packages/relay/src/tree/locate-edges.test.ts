import { describe, expect, it } from "vitest";
import { locateEdges } from "./locate-edges.ts";
import type { NodeLoad, PlacedNode } from "./placed-node.ts";

type Edge = Omit<PlacedNode, "load"> & { load: NodeLoad };

function edge(id: number, region = "eu", more: Partial<PlacedNode> = {}): Edge {
  const load = { sessions: 0, maxSessions: 2_000, utilization: 0.1 };
  return {
    id,
    tier: 2,
    region,
    url: `https://edge-${id}:4443`,
    draining: false,
    load,
    startedAtMs: 0,
    ...more,
  };
}

function arrive(edges: readonly Edge[], viewers: number, region = "eu"): number[] {
  for (let viewer = 0; viewer < viewers; viewer += 1) {
    const [first] = locateEdges(edges, { viewer: `viewer-${viewer}`, region });
    if (first !== undefined) first.load = { ...first.load, sessions: first.load.sessions + 1 };
  }
  return edges.map(({ load }) => load.sessions);
}

describe("locateEdges", () => {
  it("names edges of the region, and one of another for when the region is lost", () => {
    const edges = [...[1, 2, 3, 4].map((id) => edge(id)), edge(5, "us")];
    const regions = (region: string, among = edges): string[] =>
      locateEdges(among, { viewer: "a", region }).map((located) => located.region);
    expect(regions("eu")).toEqual(["eu", "eu", "us"]);
    expect(regions("us")).toEqual(["us", "eu", "eu"]);
    expect(regions("eu", edges.slice(0, 4))).toEqual(["eu", "eu", "eu"]);
    expect(locateEdges(edges, { viewer: "a", region: "nowhere" })).toHaveLength(3);
  });

  it("keeps every edge within 1.25 times the mean, and those of unequal size within theirs", () => {
    const sessions = arrive(
      Array.from({ length: 20 }, (_, index) => edge(index + 1)),
      10_000,
    );
    expect(Math.max(...sessions)).toBeLessThanOrEqual(625);
    const [small = 0, large = 0] = arrive(
      [
        edge(1, "eu", { load: { sessions: 0, maxSessions: 1_000, utilization: 0 } }),
        edge(2, "eu", { load: { sessions: 0, maxSessions: 3_000, utilization: 0 } }),
      ],
      2_000,
    );
    expect(small + large).toBe(2_000);
    expect(large / small).toBeGreaterThan(2);
  });

  it("counts viewers who are on their way", () => {
    const edges = [edge(1), edge(2)];
    const alone = locateEdges(edges, { viewer: "a", region: "eu" })[0]?.id ?? 0;
    const other = alone === 1 ? 2 : 1;
    const underway = new Map([[alone, 100]]);
    expect(locateEdges(edges, { viewer: "a", region: "eu", underway })[0]?.id).toBe(other);
  });

  it("sends nobody to an edge that leaves, to relays, or to a full edge while there is another", () => {
    const edges = [
      edge(1, "eu", { draining: true }),
      edge(2, "eu", { load: { sessions: 2_000, maxSessions: 2_000, utilization: 0.2 } }),
      edge(3, "eu", { load: { sessions: 10, maxSessions: 2_000, utilization: 0.99 } }),
      edge(4),
      edge(5, "eu", { tier: 1 }),
    ];
    for (const viewer of ["a", "b", "c", "d", "e"]) {
      expect(locateEdges(edges, { viewer, region: "eu" }).map(({ id }) => id)).toEqual([4, 3, 2]);
    }
  });

  it("names an address once, though the registry still has the record of its former process", () => {
    const former = edge(1);
    const again = edge(9, "eu", { url: former.url, startedAtMs: 5 });
    const located = locateEdges([former, again, edge(2)], { viewer: "a", region: "eu" });
    expect(located.map(({ id }) => id).sort()).toEqual([2, 9]);
  });

  it("names an edge without a parent last", () => {
    const edges = [edge(1, "eu", { ready: false }), edge(2), edge(3)];
    for (const viewer of ["a", "b", "c", "d"]) {
      expect(locateEdges(edges, { viewer, region: "eu" })[2]?.id).toBe(1);
    }
    expect(locateEdges(edges.slice(0, 1), { viewer: "a", region: "eu" })).toHaveLength(1);
  });

  it("gives an edge that lies about its load or its size no more than a bounded share", () => {
    const honest = Array.from({ length: 9 }, (_, index) => edge(index + 1));
    const liar = edge(10);
    let sent = 0;
    for (let viewer = 0; viewer < 1_000; viewer += 1) {
      const [first] = locateEdges([...honest, liar], { viewer: `viewer-${viewer}`, region: "eu" });
      if (first === undefined) continue;
      if (first.id === 10) sent += 1;
      else first.load = { ...first.load, sessions: first.load.sessions + 1 };
    }
    expect(sent / 1_000).toBeLessThan(0.2);
    const boaster = edge(10, "eu", { load: { sessions: 0, maxSessions: 1e9, utilization: 0 } });
    for (const each of honest) each.load = { ...each.load, sessions: 0 };
    const named = Array.from(
      { length: 1_000 },
      (_, viewer) => locateEdges([...honest, boaster], { viewer: `${viewer}`, region: "eu" })[0],
    ).filter((first) => first?.id === 10).length;
    expect(named / 1_000).toBeLessThan(0.4);
  });

  it("does not let one that makes up a huge load hide that another has more than its share", () => {
    const edges = [
      edge(1, "eu", { load: { sessions: 1e12, maxSessions: 2_000, utilization: 0 } }),
      edge(2, "eu", { load: { sessions: 1_500, maxSessions: 2_000, utilization: 0 } }),
      ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16].map((id) => edge(id)),
    ];
    for (let viewer = 0; viewer < 50; viewer += 1) {
      expect(locateEdges(edges, { viewer: `${viewer}`, region: "eu" })[0]?.id).toBeGreaterThan(2);
    }
  });

  it("knows of no edge when there is none", () => {
    expect(locateEdges([edge(1, "eu", { tier: 1 })], { viewer: "a" })).toEqual([]);
  });
});
