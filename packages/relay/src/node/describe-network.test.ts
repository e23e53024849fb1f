import type { ClusterView, NodeRecord } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import type { Topology } from "../tree/describe-topology.ts";
import { describeForOthers, describeNetwork, type NodeDescription } from "./describe-network.ts";

const LOAD = { sessions: 1, maxSessions: 10, utilization: 0.5, sentBytesPerSecond: 1_000 };

function record(id: number, changes: Partial<NodeRecord>): NodeRecord {
  return {
    id,
    name: `node-${id}`,
    role: "edge",
    tier: 2,
    region: "eu",
    url: `https://10.0.0.${id}:4443`,
    httpUrl: `http://10.0.0.${id}:4443`,
    draining: false,
    load: LOAD,
    startedAtMs: 1,
    ...changes,
  };
}

const topology: Topology = {
  originId: 3,
  name: "node-3",
  tier: 1,
  parent: { url: "https://10.0.0.1:4443/", rttMs: 2 },
  parents: [
    { originId: 1, url: "https://10.0.0.1:4443", connected: true, rank: 0, rttMs: 2, subscriptions: 4 },
  ],
  sessions: 1,
  children: [{ originId: 7, address: "10.0.0.7:1", subscriptions: 1 }],
  subscriptions: { upstream: 1, downstream: 1 },
  cacheBytes: 0,
  broadcasts: [],
};

const self: NodeDescription = {
  id: 3,
  name: "node-3",
  role: "relay",
  tier: 1,
  region: "",
  url: "",
  httpUrl: "",
  draining: true,
  startedAtMs: 5,
  load: { ...LOAD, sessions: 9 },
  parents: [{ url: "https://10.0.0.1:4443/", rttMs: 2 }],
};

function view(...nodes: NodeRecord[]): ClusterView {
  const live = { path: "live/a", nodeId: 1, epoch: 2, startedAtMs: 3, live: true };
  return {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    broadcasts: new Map([[live.path, live]]),
    atMs: 77,
    stale: false,
  };
}

describe("describeNetwork", () => {
  it("shows all nodes from the origin down, with who feeds whom, and of itself what is true now", () => {
    const nodes = view(
      record(7, { parents: [{ id: 3, rttMs: 1, subscriptions: 3 }] }),
      record(3, { role: "relay", tier: 1, load: { ...LOAD, sessions: 8 } }),
      record(1, { role: "origin", tier: 0 }),
      record(6, { name: "a", parents: [{ id: 99, rttMs: 1, subscriptions: 0 }] }),
    );
    const { cluster, self: own } = describeNetwork(topology, self, nodes);
    expect(cluster?.nodes.map(({ id }) => id)).toEqual([1, 3, 6, 7]);
    expect(cluster?.nodes[1]).toEqual(own);
    expect(own).toMatchObject({
      region: "eu",
      url: "https://10.0.0.3:4443",
      draining: true,
      load: { sessions: 9 },
      parents: [{ id: 1, rttMs: 2 }],
    });
    expect(cluster?.nodes[3]?.parents).toEqual([
      { id: 3, url: "https://10.0.0.3:4443", rttMs: 1, subscriptions: 3 },
    ]);
    expect(cluster?.nodes[2]?.parents).toEqual([{ id: 99, url: "", rttMs: 1, subscriptions: 0 }]);
    expect(cluster).toMatchObject({ atMs: 77, stale: false, broadcasts: [{ path: "live/a", nodeId: 1 }] });
  });

  it("knows itself alone without a control plane", () => {
    expect(describeNetwork(topology, self, undefined)).toEqual({ ...topology, self, cluster: null });
  });
});

describe("describeForOthers", () => {
  it("tells strangers no address of any node", () => {
    const told = describeForOthers(topology, { ...self, url: "https://10.0.0.3:4443" });
    expect(JSON.stringify(told)).not.toContain("10.0.0");
    expect(told).toMatchObject({ parent: null, children: [], cluster: null, self: { parents: [] } });
  });
});
