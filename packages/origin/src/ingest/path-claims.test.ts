import { Store } from "@canopy/relay";
import {
  type ControlPlane,
  createMemoryControlPlane,
  createSilentLogger,
  MemoryRegistry,
  type NodeRecord,
  SimulatedTime,
} from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import type { OriginError } from "../origin-error.ts";
import { BroadcastRegistry } from "./broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS } from "./ingest-options.ts";
import { PathClaims } from "./path-claims.ts";
import type { Publisher } from "./publisher.ts";

class Deployment {
  readonly time = new SimulatedTime();
  readonly registry = new MemoryRegistry({}, { scheduler: this.time });

  async addOrigin(id: number, publisherConflict: "refuse" | "takeover", reachable = () => true) {
    const { time, registry } = this;
    const controlPlane: ControlPlane = createMemoryControlPlane(
      {},
      { registry, scheduler: time, clock: time, random: () => 0.5, reachable },
    );
    await controlPlane.register(() => record(id));
    const claims = new PathClaims(
      { nodeId: id, takeOver: publisherConflict === "takeover" },
      {
        controlPlane,
        logger: createSilentLogger(),
        yieldPath: (ingest, error) => broadcasts.yieldPath(ingest, error),
      },
    );
    const broadcasts = new BroadcastRegistry(
      { ...DEFAULT_INGEST_OPTIONS, publisherConflict },
      {
        store: new Store({}, { clock: time }),
        clock: time,
        logger: createSilentLogger(),
        events: claims,
        createId: () => "id",
        countTimed: () => {},
      },
    );
    return { broadcasts, claims, controlPlane };
  }
}

function record(id: number): NodeRecord {
  return {
    id,
    name: `origin-${id}`,
    role: "origin",
    tier: 0,
    region: "",
    url: `https://127.0.0.1:${4_000 + id}`,
    httpUrl: `http://127.0.0.1:${4_000 + id}`,
    draining: false,
    load: { sessions: 0, maxSessions: 10, utilization: 0, sentBytesPerSecond: 0 },
    startedAtMs: 1,
  };
}

function createPublisher(): Publisher & { readonly kicks: string[] } {
  const kicks: string[] = [];
  return { protocol: "rtmp", remoteAddress: "", kicks, kick: (error: OriginError) => kicks.push(error.code) };
}

describe("PathClaims", () => {
  it("lets the newest publisher win across origins where takeover is configured", async () => {
    const deployment = new Deployment();
    const a = await deployment.addOrigin(1, "takeover");
    const b = await deployment.addOrigin(2, "takeover");
    const [first, second] = [createPublisher(), createPublisher()];
    a.broadcasts.open("live/x", first);
    await deployment.time.advance(1_000);
    b.broadcasts.open("live/x", second);
    await deployment.time.advance(3_000);
    expect([first.kicks, second.kicks]).toEqual([["taken-over"], []]);
    expect([a.broadcasts.size, b.broadcasts.size]).toEqual([0, 1]);
    expect(a.controlPlane.view().broadcasts.get("live/x")?.nodeId).toBe(2);
  });

  it("refuses the second publisher otherwise, until the first one's origin is gone or waits for him", async () => {
    const deployment = new Deployment();
    let isAlive = true;
    const a = await deployment.addOrigin(1, "refuse", () => isAlive);
    const b = await deployment.addOrigin(2, "refuse");
    const [first, second, third, fourth] = [1, 2, 3, 4].map(createPublisher);
    if (!first || !second || !third || !fourth) throw new Error("four were made");
    const ingest = a.broadcasts.open("live/x", first);
    await deployment.time.advance(1_000);
    b.broadcasts.open("live/x", second);
    await deployment.time.advance(3_000);
    expect([first.kicks, second.kicks]).toEqual([[], ["broadcast-in-use"]]);
    a.broadcasts.release(ingest, first);
    await deployment.time.advance(500);
    b.broadcasts.open("live/x", third);
    await deployment.time.advance(3_000);
    expect([third.kicks, a.broadcasts.size, b.broadcasts.size]).toEqual([[], 0, 1]);
    isAlive = false;
    b.broadcasts.open("live/y", fourth);
    await deployment.time.advance(3_000);
    expect([fourth.kicks, b.claims.size]).toEqual([[], 2]);
  });

  it("publishes on while the registry is away, and gives the path back at the end", async () => {
    const deployment = new Deployment();
    const a = await deployment.addOrigin(1, "refuse");
    const publisher = createPublisher();
    deployment.registry.available = false;
    a.broadcasts.open("live/x", publisher);
    await deployment.time.advance(30_000);
    expect(publisher.kicks).toEqual([]);
    deployment.registry.available = true;
    await deployment.time.advance(10_000);
    expect(a.controlPlane.view().broadcasts.get("live/x")?.nodeId).toBe(1);
    a.broadcasts.kick("live/x");
    await deployment.time.advance(3_000);
    expect(a.controlPlane.view().broadcasts.has("live/x")).toBe(false);
    expect(a.claims.size).toBe(0);
  });
});
