import type { ControlPlane, NodeRecord } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { type NodePlace, type RegisterNodeDeps, registerNode } from "./register-node.ts";

const PLACE: NodePlace = {
  role: "edge",
  name: "edge-1",
  tier: 2,
  region: "eu",
  publicUrl: undefined,
  publicHttpUrl: undefined,
  hasCertificate: false,
};

async function register(place: Partial<NodePlace>, host = "0.0.0.0") {
  let read: (() => NodeRecord) | undefined;
  const state = { sentBytesPerSecond: 0, isReady: true, isDraining: false };
  const deps = {
    controlPlane: {
      register: (reader: () => NodeRecord) => {
        read = reader;
        return Promise.resolve();
      },
    } as unknown as ControlPlane,
    server: {
      host,
      port: 4443,
      certificate: { current: { sha256Hex: "ab".repeat(32) } },
      describe: () => ({
        load: {
          sessions: 7,
          maxSessions: 100,
          utilization: 1.2,
          sentBytesPerSecond: state.sentBytesPerSecond,
        },
        startedAtMs: 1_000_000,
        parents: [
          { id: 41, url: "https://10.0.0.1:4441", rttMs: 2, subscriptions: 3 },
          { url: "https://10.0.0.2:4441", rttMs: 3 },
        ],
      }),
    } as unknown as RegisterNodeDeps["server"],
    relay: { originId: 42, readiness: () => ({ ready: state.isReady, reasons: [] }) },
    isDraining: () => state.isDraining,
  };
  await registerNode({ ...PLACE, ...place }, deps);
  return {
    state,
    record: () => {
      if (read === undefined) throw new Error("nothing was registered");
      return read();
    },
  };
}

describe("registerNode", () => {
  it("tells where the node is, what it is, and its load within what can be", async () => {
    const { record } = await register({});
    expect(record()).toEqual({
      id: 42,
      name: "edge-1",
      role: "edge",
      tier: 2,
      region: "eu",
      url: "https://127.0.0.1:4443",
      httpUrl: "http://127.0.0.1:4443",
      parentSha256: "ab".repeat(32),
      draining: false,
      load: { sessions: 7, maxSessions: 100, utilization: 1, sentBytesPerSecond: 0 },
      parents: [{ id: 41, rttMs: 2, subscriptions: 3 }],
      startedAtMs: 1_000_000,
    });
  });

  it("tells the public addresses where they are given, and no hash where an authority vouches", async () => {
    const urls = { publicUrl: "https://tv.example:443", publicHttpUrl: "https://tv.example" };
    const { record } = await register({ ...urls, hasCertificate: true });
    expect(record()).toMatchObject({ url: "https://tv.example:443", httpUrl: "https://tv.example" });
    expect(record().parentSha256).toBeUndefined();
    const { record: ownName } = await register({ hasCertificate: true }, "2001:db8::1");
    expect(ownName()).toMatchObject({
      url: "https://[2001:db8::1]:4443",
      httpUrl: "https://[2001:db8::1]:4443",
    });
  });

  it("says at once when it drains or can serve nobody, and how much it sends", async () => {
    const { record, state } = await register({});
    Object.assign(state, { sentBytesPerSecond: 10_000, isReady: false, isDraining: true });
    expect(record()).toMatchObject({
      draining: true,
      ready: false,
      load: { sentBytesPerSecond: 10_000 },
    });
  });
});
