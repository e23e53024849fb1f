import { describe, expect, it } from "vitest";
import { createMetrics } from "../metrics/metrics.ts";
import { SimulatedTime } from "../time/simulated-time.ts";
import type { ControlPlane } from "./control-plane.ts";
import { createMemoryControlPlane } from "./memory/memory-control-plane.ts";
import { MemoryRegistry } from "./memory/memory-registry.ts";
import { nodeRecord } from "./node-record-suite.ts";

function createDeployment() {
  const time = new SimulatedTime();
  const registry = new MemoryRegistry({}, { scheduler: time });
  const metrics = createMetrics({ processMetrics: false });
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const connect = (reachable?: () => boolean): ControlPlane =>
    createMemoryControlPlane(
      {},
      {
        registry,
        scheduler: time,
        clock: time,
        random,
        metrics,
        ...(reachable === undefined ? {} : { reachable }),
      },
    );
  return { time, registry, metrics, connect };
}

describe("RegistryClient", () => {
  it("shows registered nodes to the others, and one that deregisters no more", async () => {
    const { time, connect } = createDeployment();
    const [a, b] = [connect(), connect()];
    await a.register(() => nodeRecord(1));
    await b.register(() => nodeRecord(2, { role: "origin", tier: 0 }));
    await time.advance(100);
    expect([...a.view().nodes.keys()].sort()).toEqual([1, 2]);
    expect(b.view().nodes.get(1)).toEqual(nodeRecord(1));
    await b.deregister();
    await time.advance(100);
    expect([...a.view().nodes.keys()]).toEqual([1]);
  });

  it("forgets a node 5 s after its last heartbeat, whatever its clock says", async () => {
    const { time, connect } = createDeployment();
    let isReachable = true;
    const [a, b] = [connect(), connect(() => isReachable)];
    await a.register(() => nodeRecord(1));
    await b.register(() => nodeRecord(2, { startedAtMs: 5 }));
    await time.advance(3_000);
    isReachable = false;
    await time.advance(4_000);
    expect(a.view().nodes.has(2)).toBe(true);
    await time.advance(2_500);
    expect(a.view().nodes.has(2)).toBe(false);
    // Who is cut off knows nothing new, and keeps what it knew.
    expect(b.view().stale).toBe(true);
    expect(b.view().nodes.has(1)).toBe(true);
    isReachable = true;
    await time.advance(5_000);
    expect(a.view().nodes.has(2)).toBe(true);
    expect(b.view().stale).toBe(false);
  });

  it("keeps everything while the registry is away and after it came back empty", async () => {
    const { time, registry, connect } = createDeployment();
    const nodes = Array.from({ length: 20 }, () => connect());
    for (const [index, node] of nodes.entries()) await node.register(() => nodeRecord(index + 1));
    const [origin, reader] = [nodes[0], nodes[1]];
    const claimed = await origin?.claim("live/a", { nodeId: 1, takeOver: false });
    await time.advance(5_000);
    registry.available = false;
    await time.advance(60_000);
    expect(reader?.available).toBe(false);
    expect(reader?.view().nodes.size).toBe(20);
    expect(reader?.view().broadcasts.size).toBe(1);
    registry.clear();
    registry.available = true;
    for (let step = 0; step < 120; step += 1) {
      await time.advance(100);
      expect(reader?.view().nodes.size).toBe(20);
      expect(reader?.view().broadcasts.get("live/a")?.nodeId).toBe(1);
    }
    expect(registry.nodes.size).toBe(20);
    expect(registry.broadcasts.size).toBe(1);
    expect(reader?.view().broadcasts.get("live/a")?.epoch).toBe(
      claimed?.kind === "claimed" ? claimed.claim.epoch : -1,
    );
  });

  it("gives a path to one origin, and to the next when its publisher or the origin is gone", async () => {
    const { time, connect } = createDeployment();
    let isReachable = true;
    const [a, b] = [connect(() => isReachable), connect()];
    await a.register(() => nodeRecord(1));
    await b.register(() => nodeRecord(2));
    const lost: number[] = [];
    const first = await a.claim("live/a", { nodeId: 1, takeOver: false, onLost: (by) => lost.push(by) });
    expect(first.kind).toBe("claimed");

    const asked = b.claim("live/a", { nodeId: 2, takeOver: false });
    await time.advance(1_000);
    expect(await asked).toEqual({ kind: "held", by: 1 });

    if (first.kind === "claimed") first.claim.setLive(false);
    await time.advance(50);
    const second = await b.claim("live/a", { nodeId: 2, takeOver: false });
    expect(second.kind).toBe("claimed");
    await time.advance(50);
    expect(lost).toEqual([2]);
    expect(a.view().broadcasts.get("live/a")?.nodeId).toBe(2);

    const third = await a.claim("live/a", { nodeId: 1, takeOver: true });
    expect(third.kind).toBe("claimed");
    await time.advance(1_000);
    isReachable = false;
    const startedMs = time.elapsedMs;
    let wonMs = 0;
    const fourth = b.claim("live/a", { nodeId: 2, takeOver: false }).then((result) => {
      wonMs = time.elapsedMs;
      return result;
    });
    await time.advance(3_000);
    expect((await fourth).kind).toBe("claimed");
    expect(wonMs - startedMs).toBeLessThanOrEqual(1_800);
  });

  it("goes on without an answer, and ends the claim that turns out to be another's", async () => {
    const { time, connect } = createDeployment();
    let isReachable = true;
    const [a, b] = [connect(() => isReachable), connect()];
    await a.register(() => nodeRecord(1));
    await b.register(() => nodeRecord(2));
    isReachable = false;
    const lost: number[] = [];
    const onLost = (by: number): number => lost.push(by);
    expect((await a.claim("live/a", { nodeId: 1, takeOver: false, onLost })).kind).toBe("unknown");
    expect((await a.claim("live/b", { nodeId: 1, takeOver: false, onLost })).kind).toBe("unknown");
    expect((await b.claim("live/a", { nodeId: 2, takeOver: false })).kind).toBe("claimed");
    isReachable = true;
    await time.advance(6_000);
    expect(lost).toEqual([2]);
    expect(b.view().broadcasts.get("live/b")?.nodeId).toBe(1);
    expect(b.view().broadcasts.get("live/a")?.nodeId).toBe(2);
  });

  it("takes back what it gave up while the registry was away", async () => {
    const { time, registry, connect } = createDeployment();
    const a = connect();
    await a.register(() => nodeRecord(1));
    const result = await a.claim("live/a", { nodeId: 1, takeOver: false });
    registry.available = false;
    if (result.kind !== "held") await result.claim.release();
    registry.available = true;
    await time.advance(5_000);
    expect(registry.broadcasts.size).toBe(0);
    expect(a.view().broadcasts.size).toBe(0);
  });

  it("leaves a node id to the process that had it first", async () => {
    const { time, metrics, connect } = createDeployment();
    let isReachable = true;
    const [a, b] = [connect(() => isReachable), connect()];
    await a.register(() => nodeRecord(7, { name: "first" }));
    await b.register(() => nodeRecord(7, { name: "second" }));
    await time.advance(3_000);
    expect(a.view().nodes.get(7)?.name).toBe("first");
    expect(b.view().nodes.get(7)?.name).toBe("first");
    expect((await b.claim("live/a", { nodeId: 7, takeOver: true })).kind).toBe("unknown");
    expect(metrics.value("canopy_control_plane_bad_records_total", "duplicate")).toBe(1);
    isReachable = false;
    await time.advance(7_000);
    expect(b.view().nodes.get(7)?.name).toBe("second");
  });

  it("ignores poisoned records, counts each once, and moves an absurd load into its range", async () => {
    const { time, registry, metrics, connect } = createDeployment();
    const a = connect();
    registry.broadcasts.set("live/x", "garbage");
    registry.broadcasts.set("live/y", `1 ${"9".repeat(30)} 5 1`);
    registry.broadcasts.set("live/z", "999 1 1 1");
    await a.register(() => nodeRecord(1));
    const write = (id: string, record: string): void => {
      registry.nodes.set(id, { instance: "x", record, seenMs: time.nowMs() + 4_000 });
    };
    write("2", "{not json");
    write("3", JSON.stringify(nodeRecord(4)));
    write("5", "x".repeat(100_000));
    write("6", JSON.stringify({ ...nodeRecord(6), url: "javascript:alert(1)" }));
    write(
      "8",
      JSON.stringify(nodeRecord(8, { load: { ...nodeRecord(8).load, sessions: -5, utilization: 1e9 } })),
    );
    await time.advance(2_500);
    await a.claim("live/a", { nodeId: 1, takeOver: false });
    await time.advance(3_000);
    const { nodes, broadcasts } = a.view();
    expect([...nodes.keys()].sort()).toEqual([1, 8]);
    expect(nodes.get(8)?.load).toMatchObject({ sessions: 0, utilization: 1 });
    expect([...broadcasts.keys()]).toEqual(["live/a"]);
    const counted = (reason: string): number =>
      metrics.value("canopy_control_plane_bad_records_total", reason);
    expect(counted("malformed")).toBe(4);
    expect(counted("mismatch")).toBe(1);
    expect(counted("size")).toBe(1);
    expect(counted("clamped")).toBe(1);
  });

  it("tells watchers of changes, many at once", async () => {
    const { time, connect } = createDeployment();
    const [a, b] = [connect(), connect()];
    await a.register(() => nodeRecord(1));
    await b.register(() => nodeRecord(2));
    await time.advance(100);
    let calls = 0;
    let last = 0;
    const stop = a.watch((view) => {
      calls += 1;
      last = view.broadcasts.size;
    });
    for (let index = 0; index < 200; index += 1)
      await b.claim(`live/${index}`, { nodeId: 2, takeOver: false });
    await time.advance(100);
    expect(last).toBe(200);
    expect(calls).toBeLessThan(10);
    stop();
    await b.deregister();
    await time.advance(100);
    expect(last).toBe(200);
    expect(a.view().broadcasts.size).toBe(0);
  });

  it("comes back to the registry at different times", async () => {
    const { time, registry, connect } = createDeployment();
    const nodes = Array.from({ length: 100 }, () => connect());
    for (const [index, node] of nodes.entries()) await node.register(() => nodeRecord(index + 1));
    await time.advance(2_000);
    registry.available = false;
    await time.advance(30_000);
    registry.available = true;
    const perTenth: number[] = [];
    for (let step = 0; step < 40; step += 1) {
      const before = nodes.filter((node) => node.available).length;
      await time.advance(100);
      perTenth.push(nodes.filter((node) => node.available).length - before);
    }
    expect(nodes.every((node) => node.available)).toBe(true);
    expect(Math.max(...perTenth)).toBeLessThan(20);
  });
});
