import { EdgeLocator } from "@canopy/relay";
import { type ControlPlane, createClock, createSilentLogger } from "@canopy/runtime";
import { createRedisControlPlane, RedisRegistry } from "@canopy/runtime/redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type RedisCluster, redisOptions, startRedisCluster } from "../harness/redis-server.ts";
import { nodeRecord, registrySuite, SUITE_TIMES } from "../harness/registry-suite.ts";
import { waitFor } from "../harness/wait-for.ts";

const deps = { logger: createSilentLogger(), random: Math.random };
const CLIENT_TIMES = { ...SUITE_TIMES, heartbeatMs: 200, refreshMs: 500, retryCapMs: 500 };
const JOINS_PER_SECOND = 1_000;
const JOINS = 5 * JOINS_PER_SECOND;
/** Early enough that the failover is over before they are. */
const KILLED_AT = JOINS / 5;
const ORIGINS = 4;
/** Origins and edges. */
const NODES = 6;

let cluster: RedisCluster;
let prefixes = 0;

beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: true });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function newOptions() {
  prefixes += 1;
  return redisOptions("cluster", cluster.addresses, `test-${prefixes}`);
}

describe.concurrent("the registry in a Redis Cluster", () => {
  registrySuite(() => {
    const options = newOptions();
    return {
      connect: () => new RedisRegistry(options, SUITE_TIMES, deps),
      createControlPlane: () =>
        createRedisControlPlane(options, { ...deps, clock: createClock() }, CLIENT_TIMES),
    };
  });
});

describe("a Redis Cluster that loses a master", () => {
  it("loses no registration when a master is killed in the middle of 1,000 joins per second", async () => {
    const options = newOptions();
    const createPlane = (): ControlPlane => {
      const plane = createRedisControlPlane(options, { ...deps, clock: createClock() }, CLIENT_TIMES);
      onTestFinished(() => plane.close());
      return plane;
    };
    const planes = Array.from({ length: NODES }, createPlane);
    for (const [index, plane] of planes.entries()) {
      const tier = index < ORIGINS ? 0 : 2;
      await plane.register(() => nodeRecord(index + 1, { tier, role: tier === 0 ? "origin" : "edge" }));
    }
    await waitFor("all nodes", () => planes.every((plane) => plane.view().nodes.size === NODES));
    const locators = planes.map(
      (plane) =>
        new EdgeLocator(
          { region: "" },
          { nodes: () => plane.view().nodes, clock: createClock(), random: Math.random },
        ),
    );
    const master = await cluster.masterOf(`{${options.prefix}}:nodes`);
    const lost: string[] = [];
    const kinds = { claimed: 0, unknown: 0, held: 0 };
    const staying = new Map<string, number>();
    const underway: Promise<unknown>[] = [];
    let lateNode: ControlPlane | undefined;
    let unlocated = 0;

    /** A publisher comes to an origin, and every second one leaves soon; a viewer asks some node where to go. */
    const join = async (index: number): Promise<void> => {
      if ((locators[index % NODES]?.locate(undefined).length ?? 0) === 0) unlocated += 1;
      const nodeId = (index % ORIGINS) + 1;
      const path = `live/${index}`;
      const leaves = index % 8 >= ORIGINS;
      if (!leaves) staying.set(path, nodeId);
      const result = await planes[nodeId - 1]?.claim(path, {
        nodeId,
        takeOver: false,
        onLost: () => lost.push(path),
      });
      if (result === undefined) return;
      kinds[result.kind] += 1;
      if (result.kind === "held" || !leaves) return;
      await new Promise((resolve) => setTimeout(resolve, 300));
      await result.claim.release();
    };

    const startedMs = performance.now();
    for (let joined = 0; joined < JOINS; ) {
      const due = Math.min(JOINS, Math.floor(((performance.now() - startedMs) * JOINS_PER_SECOND) / 1_000));
      for (; joined < due; joined += 1) {
        underway.push(join(joined));
        if (joined === KILLED_AT) underway.push(master.kill());
        if (joined !== KILLED_AT + 100) continue;
        // While nobody answers, a node joins as well.
        lateNode = createPlane();
        underway.push(lateNode.register(() => nodeRecord(NODES + 1)));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    await Promise.all(underway);
    console.info(`${Math.round(JOINS / seconds)} joins/s; ${JSON.stringify(kinds)}`);
    expect(kinds.claimed + kinds.unknown).toBe(JOINS);
    // The failover fell into them, or nothing is shown here.
    expect(kinds.unknown).toBeGreaterThan(0);
    expect(unlocated).toBe(0);
    const isWhole = (plane: ControlPlane): boolean => {
      const { nodes, broadcasts, stale } = plane.view();
      if (stale || nodes.size !== NODES + 1 || broadcasts.size !== staying.size) return false;
      return [...staying].every(([path, nodeId]) => broadcasts.get(path)?.nodeId === nodeId);
    };
    const all = lateNode === undefined ? planes : [...planes, lateNode];
    await waitFor("every registration at every node", () => all.every(isWhole));
    expect(lost).toEqual([]);
    // It is so in the registry itself, and not only in what they remember.
    const reader = new RedisRegistry(options, SUITE_TIMES, deps);
    onTestFinished(() => reader.close());
    const snapshot = await waitFor("an answer", () => reader.read(0));
    expect(snapshot.nodes).toHaveLength(NODES + 1);
    expect(new Set(snapshot.broadcasts?.map(({ path }) => path))).toEqual(new Set(staying.keys()));
    expect(snapshot.broadcasts?.every(({ record }) => record?.endsWith(" 1"))).toBe(true);
  });
});
