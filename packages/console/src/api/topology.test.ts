import { describe, expect, it } from "vitest";
import { hostOf } from "./host-of.ts";
import { parseTopology } from "./topology.ts";

describe("parseTopology", () => {
  it("reads a node and the deployment that it knows", () => {
    const { self, cluster, stale } = parseTopology({
      self: {
        id: 2,
        name: "edge-0",
        role: "edge",
        tier: 2,
        region: "eu",
        url: "https://edge.example.com:4443",
        httpUrl: "https://edge.example.com:4443/",
        draining: true,
        load: { sessions: 8, maxSessions: 20, utilization: 0.5, sentBytesPerSecond: 9 },
        parents: [{ id: 1, url: "https://relay:4441", rttMs: 0.8 }],
      },
      cluster: { stale: true, nodes: [{ id: 1, name: "relay-0", role: "relay", tier: 1, parents: [] }] },
    });
    expect(self).toEqual({
      id: 2,
      name: "edge-0",
      role: "edge",
      tier: 2,
      region: "eu",
      host: "edge.example.com:4443",
      httpUrl: "https://edge.example.com:4443",
      draining: true,
      load: { sessions: 8, maxSessions: 20, utilization: 0.5 },
      parents: [{ id: 1, host: "relay:4441", rttMs: 0.8 }],
    });
    expect(cluster?.map(({ name, role }) => `${role} ${name}`)).toEqual(["relay relay-0"]);
    expect(stale).toBe(true);
  });

  it("takes the parents that feed a node out of its links, or the first that is connected", () => {
    const link = (originId: number, connected: boolean, subscriptions: number) => ({
      originId,
      url: `https://p${originId}:1`,
      connected,
      subscriptions,
      rttMs: originId,
    });
    const ids = (parents: unknown) => parseTopology({ parents }).self.parents.map(({ id }) => id);
    expect(ids([link(1, true, 0), link(2, true, 3)])).toEqual([2]);
    expect(ids([link(1, false, 0), link(2, true, 0), link(3, true, 0)])).toEqual([2]);
    const { self } = parseTopology({
      originId: 7,
      name: "edge-1",
      parent: { url: "https://a:1/x", rttMs: 3 },
    });
    expect(self).toMatchObject({ id: 7, name: "edge-1", parents: [{ host: "a:1", rttMs: 3 }] });
  });

  it("knows nothing of what is not there", () => {
    for (const value of [null, "text", { parent: null, cluster: null }]) {
      const { self, cluster, stale } = parseTopology(value);
      expect([self.parents, self.name, cluster, stale]).toEqual([[], undefined, undefined, false]);
    }
  });
});

describe("hostOf", () => {
  it("leaves out scheme and path", () => {
    expect(hostOf("https://h:1/x")).toBe("h:1");
    expect(hostOf("h:1")).toBe("h:1");
    expect(hostOf(undefined)).toBeUndefined();
  });
});
