import { describe, expect, it } from "vitest";
import type { PlacedNode } from "./placed-node.ts";
import { DRAINING_RANK, selectParents } from "./select-parents.ts";

const EDGE = { id: 1_000, tier: 2, region: "eu", url: "https://edge:4443" };

function node(id: number, tier: number, region: string, more: Partial<PlacedNode> = {}): PlacedNode {
  return {
    id,
    tier,
    region,
    url: `https://node-${id}:4440`,
    draining: false,
    load: { sessions: 0, maxSessions: 2_000, utilization: 0 },
    startedAtMs: 0,
    ...more,
  };
}

function ids(selected: ReturnType<typeof selectParents>): number[] {
  return selected.map((parent) => parent.node.id).sort((a, b) => a - b);
}

describe("selectParents", () => {
  const origins = [node(1, 0, "eu"), node(2, 0, "us")];
  const relays = [node(11, 1, "eu"), node(12, 1, "eu"), node(13, 1, "us"), node(14, 1, "us")];

  it("takes all relays of an edge's own region and nobody else", () => {
    const selected = selectParents([...origins, ...relays], { self: EDGE });
    expect(ids(selected)).toEqual([11, 12]);
    expect(selected.map(({ rank }) => rank)).toEqual([0, 0]);
  });

  it("takes all origins of all regions for a relay: a broadcast is at one of them only", () => {
    const relay = { id: 11, tier: 1, region: "eu", url: "https://node-11:4440" };
    expect(ids(selectParents([...origins, ...relays], { self: relay }))).toEqual([1, 2]);
  });

  it("goes to other regions' relays before it goes to origins, and to origins when there is no relay", () => {
    const abroad = selectParents([...origins, ...relays.slice(2)], { self: EDGE });
    expect(ids(abroad)).toEqual([13, 14]);
    expect(abroad.map(({ rank }) => rank)).toEqual([1, 1]);
    expect(ids(selectParents(origins, { self: EDGE }))).toEqual([1, 2]);
  });

  it("adds a second way of the next best kind where the own region has one relay only", () => {
    const selected = selectParents([...origins, ...relays.slice(1)], { self: EDGE });
    expect(selected.map(({ rank }) => rank)).toEqual([0, 1]);
    expect(selected[0]?.node.id).toBe(12);
  });

  it("looks further while its own relays do not answer, and wants them all the same", () => {
    const selected = selectParents([...origins, ...relays], { self: EDGE, unreachable: new Set([11, 12]) });
    expect(ids(selected)).toEqual([11, 12, 13, 14]);
  });

  it("takes those first that stay, and others only as the last resort", () => {
    const [, second] = relays;
    const leaving = node(11, 1, "eu", { draining: true });
    const selected = selectParents([leaving, ...(second === undefined ? [] : [second])], { self: EDGE });
    expect(selected.map(({ node: { id }, rank }) => [id, rank])).toEqual([
      [12, 0],
      [11, DRAINING_RANK],
    ]);
  });

  it("bounds the links, and spreads many children evenly over many relays", () => {
    const many = Array.from({ length: 40 }, (_, index) => node(100 + index, 1, "eu"));
    const children = new Map<number, number>();
    for (let id = 1_000; id < 1_200; id += 1) {
      const selected = selectParents(many, { self: { ...EDGE, id } });
      expect(selected).toHaveLength(16);
      for (const parent of selected) children.set(parent.node.id, (children.get(parent.node.id) ?? 0) + 1);
    }
    // 200 x 16 / 40 = 80 each.
    for (const count of children.values()) expect(count).toBeLessThan(110);
    const far = new Set(many.map(({ id }) => id));
    expect(selectParents(many, { self: EDGE, unreachable: far })).toHaveLength(32);
  });

  it("passes over the node itself, its siblings and children, and broken urls", () => {
    const records = [
      node(1_000, 1, "eu"),
      node(20, 1, "eu", { url: EDGE.url }),
      node(21, 2, "eu"),
      node(22, 3, "eu"),
      node(23, Number.NaN, "eu"),
      node(24, -1, "eu"),
      node(25, 1, "eu", { url: "http://plain:1" }),
      node(26, 1, "eu", { url: "not a url" }),
      node(27, 1, "eu", { url: "https://again:1", startedAtMs: 5 }),
      node(28, 1, "eu", { url: "https://again:1", startedAtMs: 9 }),
    ];
    // Which of two records of one address is true shows when it is dialled.
    expect(ids(selectParents(records, { self: EDGE }))).toEqual([27, 28]);
  });
});
