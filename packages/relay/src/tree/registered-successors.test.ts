import type { ClusterView, NodeRecord } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { registeredSuccessors } from "./registered-successors.ts";

function edge(id: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id,
    name: `edge-${id}`,
    role: "edge",
    tier: 2,
    region: "eu",
    url: `https://edge-${id}:4443`,
    httpUrl: `https://edge-${id}:4443`,
    draining: false,
    load: { sessions: 100, maxSessions: 500, utilization: 0.3, sentBytesPerSecond: 0 },
    startedAtMs: 0,
    ...changes,
  };
}

const viewOf = (...nodes: NodeRecord[]): ClusterView => ({
  nodes: new Map(nodes.map((node) => [node.id, node])),
  broadcasts: new Map(),
  atMs: 1,
  stale: false,
});

const SELF = { id: 1, tier: 2, region: "eu" };
const FULL = { sessions: 500, maxSessions: 500, utilization: 0.3, sentBytesPerSecond: 0 };
const BUSY = { sessions: 10, maxSessions: 500, utilization: 0.97, sentBytesPerSecond: 0 };

describe("registeredSuccessors", () => {
  it("names the other nodes of the tier and region that stay and have room, with their room", () => {
    const view = viewOf(
      edge(1),
      edge(2),
      edge(3, { draining: true }),
      edge(4, { tier: 1, role: "relay" }),
      edge(5, { region: "us" }),
      edge(6, { load: FULL }),
      edge(7, { load: BUSY }),
    );
    expect(registeredSuccessors(view, SELF)).toEqual([{ url: "https://edge-2:4443", room: 400 }]);
  });

  it("goes to other regions, or to busy nodes, when there is nobody else", () => {
    expect(registeredSuccessors(viewOf(edge(1), edge(5, { region: "us" })), SELF)).toHaveLength(1);
    expect(registeredSuccessors(viewOf(edge(1), edge(7, { load: BUSY })), SELF)).toHaveLength(1);
  });

  it("names nobody when the node is alone, or the registry has never been read", () => {
    expect(registeredSuccessors(viewOf(edge(1)), SELF)).toEqual([]);
    expect(registeredSuccessors(viewOf(), SELF)).toEqual([]);
  });
});
