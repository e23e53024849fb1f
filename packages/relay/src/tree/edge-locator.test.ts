import { describe, expect, it } from "vitest";
import { EdgeLocator, type LocatableNode } from "./edge-locator.ts";

function edge(id: number, region: string): LocatableNode {
  return {
    id,
    tier: 2,
    region,
    url: `https://edge-${id}:4443`,
    httpUrl: `https://edge-${id}:4443`,
    draining: false,
    load: { sessions: 100, maxSessions: 2_000, utilization: 0 },
    startedAtMs: 0,
  };
}

function setUp(edges: readonly LocatableNode[]) {
  let nowMs = 1_000_000;
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const clock = { nowMs: () => nowMs, nowUs: () => nowMs * 1_000 };
  const nodes = new Map(edges.map((node) => [node.id, node]));
  const locator = new EdgeLocator({ region: "eu" }, { nodes: () => nodes, clock, random });
  return { locator, advance: (ms: number) => (nowMs += ms) };
}

describe("EdgeLocator", () => {
  it("means its own region when none is named, or one that no node is in", () => {
    const { locator } = setUp([edge(1, "eu"), edge(2, "us")]);
    expect(locator.locate(undefined)[0]?.id).toBe(1);
    expect(locator.locate("mars")[0]?.id).toBe(1);
    expect(locator.locate("us")[0]?.id).toBe(2);
  });

  it("spreads a crowd that comes before the edges can tell their new load", () => {
    const edges = Array.from({ length: 10 }, (_, index) => edge(index + 1, "eu"));
    const { locator } = setUp(edges);
    const sent = new Map<number, number>();
    for (let viewer = 0; viewer < 2_000; viewer += 1) {
      const id = locator.locate("eu")[0]?.id ?? 0;
      sent.set(id, (sent.get(id) ?? 0) + 1);
    }
    for (const count of sent.values()) expect(count + 100).toBeLessThanOrEqual(375);
  });

  it("forgets whom it sent once the records must show them", () => {
    const { locator, advance } = setUp([edge(1, "eu"), edge(2, "us")]);
    for (let viewer = 0; viewer < 5_000; viewer += 1) locator.locate("eu");
    advance(60_000);
    const ids = Array.from({ length: 20 }, () => locator.locate("eu")[0]?.id);
    expect(new Set(ids)).toEqual(new Set([1]));
  });
});
