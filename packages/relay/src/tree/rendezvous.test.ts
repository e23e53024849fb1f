import { describe, expect, it } from "vitest";
import { compareByRendezvous, hashKey, rendezvousScore, weightedScore } from "./rendezvous.ts";

const NODES = Array.from({ length: 10 }, (_, index) => 2 ** 40 + index * 7);
const KEYS = Array.from({ length: 10_000 }, (_, index) => hashKey(`live/${index}`));

function best(key: number, nodes: readonly number[]): number | undefined {
  return nodes.toSorted((a, b) => compareByRendezvous(key, a, b))[0];
}

describe("rendezvousScore", () => {
  it("gives nodes with neighbouring ids and broadcasts with neighbouring names even shares", () => {
    const shares = new Map<number | undefined, number>();
    for (const key of KEYS) {
      const node = best(key, NODES);
      shares.set(node, (shares.get(node) ?? 0) + 1);
    }
    expect([...shares.values()].every((share) => share > 850 && share < 1_150)).toBe(true);
  });

  it("moves only the keys of a node that leaves", () => {
    const left = NODES[3];
    const rest = NODES.filter((node) => node !== left);
    for (const key of KEYS.slice(0, 1_000)) {
      const before = best(key, NODES);
      if (before !== left) expect(best(key, rest)).toBe(before);
    }
  });

  it("tells ids apart that are alike in their lower half", () => {
    expect(rendezvousScore(1, 5)).not.toBe(rendezvousScore(1, 5 + 2 ** 32));
  });
});

describe("weightedScore", () => {
  it("gives a node of three times the weight three times the keys", () => {
    const wins = KEYS.filter((key) => weightedScore(key, 1, 3) > weightedScore(key, 2, 1)).length;
    expect(wins / KEYS.length).toBeGreaterThan(0.72);
    expect(wins / KEYS.length).toBeLessThan(0.78);
  });
});
