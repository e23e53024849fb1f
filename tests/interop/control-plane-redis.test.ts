import {
  type ControlPlane,
  createClock,
  createMemoryControlPlane,
  createMetrics,
  createSilentLogger,
  MemoryRegistry,
  type Metrics,
} from "@canopy/runtime";
import { createRedisControlPlane, RedisRegistry } from "@canopy/runtime/redis";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type RedisServer, redisOptions, startRedisServer } from "../harness/redis-server.ts";
import { nodeRecord, registrySuite, SUITE_TIMES } from "../harness/registry-suite.ts";
import { waitFor } from "../harness/wait-for.ts";

const deps = { logger: createSilentLogger(), random: Math.random };
/** In step with the suite's expiry. */
const CLIENT_TIMES = { ...SUITE_TIMES, heartbeatMs: 200, refreshMs: 500, retryCapMs: 500 };

let server: RedisServer;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedisServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function newOptions() {
  prefixes += 1;
  return redisOptions("single", [{ host: "127.0.0.1", port: server.port }], `test-${prefixes}`);
}

// Each test has a registry of its own, in the one server if it is there, and most of it is waiting: beside each other.

describe.concurrent("the registry in memory", () => {
  registrySuite(() => {
    const registry = new MemoryRegistry(SUITE_TIMES);
    return {
      connect: () => registry.connect(),
      createControlPlane: () => createMemoryControlPlane(CLIENT_TIMES, { registry }),
    };
  });
});

const openPlane = (
  { onTestFinished }: TestContext,
  options: ReturnType<typeof newOptions>,
  metrics?: Metrics,
): ControlPlane => {
  const plane = createRedisControlPlane(
    options,
    { ...deps, clock: createClock(), ...(metrics === undefined ? {} : { metrics }) },
    CLIENT_TIMES,
  );
  onTestFinished(() => plane.close());
  return plane;
};

describe.concurrent("the registry in a redis-server", () => {
  registrySuite(() => {
    const options = newOptions();
    return {
      connect: () => new RedisRegistry(options, SUITE_TIMES, deps),
      createControlPlane: () =>
        createRedisControlPlane(options, { ...deps, clock: createClock() }, CLIENT_TIMES),
    };
  });

  it("ignores poisoned entries and messages, counts them, and goes on", async (context) => {
    const options = newOptions();
    const key = (name: string): string => `{${options.prefix}}:${name}`;
    const redis = new Redis({ host: "127.0.0.1", port: server.port, protocol: 2 });
    context.onTestFinished(() => redis.disconnect());
    const now = Date.now();
    const bad: Record<string, string> = {
      "2": "not json",
      "3": `x ${JSON.stringify(nodeRecord(4))}`,
      "5": `x ${"y".repeat(1_000_000)}`,
      "6": `x ${JSON.stringify({ ...nodeRecord(6), httpUrl: "file:///etc/passwd" })}`,
      __proto__2: "x {}",
    };
    await redis.hset(key("nodes"), bad);
    for (const id of Object.keys(bad)) await redis.zadd(key("seen"), now, id);
    const lie = { ...nodeRecord(8).load, sessions: -1, sentBytesPerSecond: 1e300 };
    await redis.hset(key("nodes"), "8", `x ${JSON.stringify(nodeRecord(8, { load: lie }))}`);
    await redis.zadd(key("seen"), now, "8", "+inf", "9");
    await redis.hset(key("broadcasts"), {
      "live/a": "garbage",
      "live/b": `1 ${"9".repeat(200)} 0 1`,
      "live/c": "8 5 0 1",
    });
    await redis.hset(key("counters"), { version: "abc", epoch: "-", quiet: "never" });

    const metrics = createMetrics({ processMetrics: false });
    const plane = openPlane(context, options, metrics);
    await plane.register(() => nodeRecord(1));
    await waitFor("the good records", () => plane.view().nodes.size === 2);
    expect([...plane.view().nodes.keys()].sort()).toEqual([1, 8]);
    expect(plane.view().nodes.get(8)?.load.sessions).toBe(0);
    expect([...plane.view().broadcasts.keys()]).toEqual(["live/c"]);
    await waitFor("the subscription", async () => Number(await redis.publish(key("changes"), "{]")) === 1);
    await redis.publish(key("changes"), `{"kind":"node","id":"7","record":"${"z".repeat(100_000)}"}`);
    await waitFor("a poisoned path to be claimed", async () => {
      return (await plane.claim("live/a", { nodeId: 1, takeOver: false })).kind === "claimed";
    });
    await waitFor("the claim to be seen", () => plane.view().broadcasts.get("live/a")?.nodeId === 1);
    const counted = (reason: string): number =>
      metrics.value("canopy_control_plane_bad_records_total", reason);
    for (const reason of ["malformed", "mismatch", "size", "clamped"])
      expect(counted(reason)).toBeGreaterThan(0);
    // Once each, and not once per refresh.
    const total = counted("malformed") + counted("mismatch") + counted("size");
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(counted("malformed") + counted("mismatch") + counted("size")).toBeLessThanOrEqual(total);
    expect(plane.available).toBe(true);
  });
});

// By itself: all others need the server.
describe("a redis-server that goes down", () => {
  it("keeps the last known state while redis-server is down and sets it right when it is back, empty", async (context) => {
    const options = newOptions();
    const planes = Array.from({ length: 8 }, () => openPlane(context, options));
    for (const [index, plane] of planes.entries()) await plane.register(() => nodeRecord(index + 1));
    const [reader, owner, leaver] = planes;
    if (reader === undefined || owner === undefined || leaver === undefined) throw new Error("there are 8");
    await waitFor("all nodes", () => reader.view().nodes.size === 8);
    for (const path of ["live/a", "live/b"]) {
      await waitFor("the claim", async () => {
        return (await owner.claim(path, { nodeId: 2, takeOver: false })).kind === "claimed";
      });
    }
    await waitFor("both broadcasts", () => reader.view().broadcasts.size === 2);

    await server.kill();
    await waitFor("the outage to be noticed", () => planes.every((plane) => !plane.available));
    // Nothing waits for a registry that is not there: these are answered before it is back.
    const offline = await owner.claim("live/c", { nodeId: 2, takeOver: false });
    expect(offline.kind).toBe("unknown");
    const again = await owner.claim("live/b", { nodeId: 2, takeOver: false });
    if (again.kind !== "held") await again.claim.release();
    await leaver.deregister();
    // Longer than the expiry: nobody is taken for dead meanwhile.
    await new Promise((resolve) => setTimeout(resolve, SUITE_TIMES.expiryMs + 500));
    expect(reader.view().stale).toBe(true);
    expect(reader.view().nodes.size).toBe(8);
    expect(reader.view().broadcasts.size).toBe(2);

    await server.restart();
    await waitFor("all to be back", () => planes.every((plane) => plane === leaver || plane.available));
    await waitFor("the state to be right", () => {
      const { nodes, broadcasts, stale } = reader.view();
      return (
        !stale &&
        nodes.size === 7 &&
        !nodes.has(3) &&
        [...broadcasts.keys()].sort().join() === "live/a,live/c"
      );
    });
    const redis = new Redis({ host: "127.0.0.1", port: server.port, protocol: 2 });
    context.onTestFinished(() => redis.disconnect());
    expect((await redis.hkeys(`{${options.prefix}}:broadcasts`)).sort()).toEqual(["live/a", "live/c"]);
    expect(await redis.hlen(`{${options.prefix}}:nodes`)).toBe(7);
  });
});
