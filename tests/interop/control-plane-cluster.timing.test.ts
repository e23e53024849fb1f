import {
  type ControlPlane,
  createClock,
  createRedisControlPlane,
  createSilentLogger,
  RedisRegistry,
} from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type RedisCluster, redisOptions, startRedisCluster } from "../harness/redis-server.ts";
import { nodeRecord, registrySuite, SUITE_TIMES } from "../harness/registry-suite.ts";
import { waitFor } from "../harness/wait-for.ts";

const deps = { logger: createSilentLogger(), random: Math.random };
const CLIENT_TIMES = { ...SUITE_TIMES, heartbeatMs: 200, refreshMs: 500, retryCapMs: 500 };
const CLAIMS = 1_000;

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

describe("the registry in a Redis Cluster", () => {
  registrySuite(() => {
    const options = newOptions();
    return {
      connect: () => new RedisRegistry(options, SUITE_TIMES, deps),
      createControlPlane: () =>
        createRedisControlPlane(options, { ...deps, clock: createClock() }, CLIENT_TIMES),
    };
  });

  it("loses no registration and no claim when a master is killed in the middle of 1,000 claims", async () => {
    const options = newOptions();
    const planes: ControlPlane[] = [];
    for (let id = 1; id <= 4; id += 1) {
      const plane = createRedisControlPlane(options, { ...deps, clock: createClock() }, CLIENT_TIMES);
      onTestFinished(() => plane.close());
      planes.push(plane);
      await plane.register(() => nodeRecord(id));
    }
    await waitFor("all nodes", () => planes.every((plane) => plane.view().nodes.size === 4));
    const lost: string[] = [];
    const kinds = { claimed: 0, unknown: 0, held: 0 };
    const master = await cluster.masterOf(`{${options.prefix}}:nodes`);
    const claims: Promise<void>[] = [];
    for (let index = 0; index < CLAIMS; index += 1) {
      const nodeId = (index % planes.length) + 1;
      const path = `live/${index}`;
      const claim = planes[nodeId - 1]
        ?.claim(path, { nodeId, takeOver: false, onLost: () => lost.push(path) })
        .then(({ kind }) => {
          kinds[kind] += 1;
        });
      if (claim !== undefined) claims.push(claim);
      if (index === CLAIMS / 2) await master.kill();
      // About a thousand a second.
      if (index % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await Promise.all(claims);
    expect(kinds.held).toBe(0);
    expect(kinds.claimed).toBeGreaterThan(0);
    const isWhole = (plane: ControlPlane): boolean => {
      const { nodes, broadcasts, stale } = plane.view();
      if (stale || nodes.size !== planes.length || broadcasts.size !== CLAIMS) return false;
      return [...broadcasts.values()].every(
        ({ path, nodeId }) => nodeId === (Number(path.slice("live/".length)) % planes.length) + 1,
      );
    };
    await waitFor("every registration and every claim at every node", () => planes.every(isWhole));
    expect(lost).toEqual([]);
    // It is so in the registry itself, and not only in what they remember.
    const reader = new RedisRegistry(options, SUITE_TIMES, deps);
    onTestFinished(() => reader.close());
    const snapshot = await waitFor("an answer", () => reader.read(0));
    expect(snapshot.nodes).toHaveLength(planes.length);
    expect(snapshot.broadcasts).toHaveLength(CLAIMS);
    expect(snapshot.broadcasts?.every(({ record }) => record?.endsWith(" 1"))).toBe(true);
  });
});
