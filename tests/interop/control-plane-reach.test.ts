import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, createClock, createSilentLogger, type RedisOptions } from "@canopy/runtime";
import { createRedisControlPlane } from "@canopy/runtime/redis";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  redisOptions,
  startRedisServer,
  startSentinel,
  startTlsRedisServer,
} from "../harness/redis-server.ts";
import { nodeRecord, SUITE_TIMES } from "../harness/registry-suite.ts";
import { waitFor } from "../harness/wait-for.ts";

const CLIENT_TIMES = { ...SUITE_TIMES, heartbeatMs: 200, refreshMs: 500, retryCapMs: 500 };

function openPlane(options: RedisOptions): ControlPlane {
  const plane = createRedisControlPlane(
    options,
    { logger: createSilentLogger(), clock: createClock() },
    CLIENT_TIMES,
  );
  onTestFinished(() => plane.close());
  return plane;
}

async function claim(plane: ControlPlane, path: string): Promise<void> {
  await waitFor(`the claim of ${path}`, async () => {
    return (await plane.claim(path, { nodeId: 1, takeOver: false })).kind === "claimed";
  });
}

describe("createRedisControlPlane", () => {
  it("speaks TLS with a server whose certificate it trusts, and with no other", async () => {
    const folder = await mkdtemp(join(tmpdir(), "canopy-redis-tls-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { certPem: cert, keyPem: key } = await createDevelopmentCertificate(["127.0.0.1"]);
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    await writeFile(files.cert, cert);
    await writeFile(files.key, key);
    await using server = await startTlsRedisServer(files);
    const addresses = [{ host: "127.0.0.1", port: server.port }];
    const trusting = openPlane(redisOptions("single", addresses, "tls", { tls: { ca: cert } }));
    await trusting.register(() => nodeRecord(1));
    await claim(trusting, "live/a");
    await waitFor("the broadcast", () => trusting.view().broadcasts.has("live/a"));
    const careful = openPlane(redisOptions("single", addresses, "tls", { tls: { ca: undefined } }));
    await careful.register(() => nodeRecord(2));
    const plain = openPlane(redisOptions("single", addresses, "tls"));
    await plain.register(() => nodeRecord(3));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([careful.available, plain.available, trusting.available]).toEqual([false, false, true]);
  });

  it("shows a password, and names it in no message when it is wrong", async () => {
    await using server = await startRedisServer("--requirepass", "se-cret");
    const addresses = [{ host: "127.0.0.1", port: server.port }];
    const plane = openPlane(redisOptions("single", addresses, "auth", { password: "se-cret" }));
    await plane.register(() => nodeRecord(1));
    await claim(plane, "live/a");
    const lines: string[] = [];
    const write = (fields: object, message: string): void => {
      lines.push(
        message,
        JSON.stringify(fields, (_, value) =>
          value instanceof Error ? String(value.stack) + String(value.cause) : value,
        ),
      );
    };
    const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
    const wrong = createRedisControlPlane(
      redisOptions("single", addresses, "auth", { password: "not-it-either" }),
      { logger, clock: createClock() },
      CLIENT_TIMES,
    );
    onTestFinished(() => wrong.close());
    await wrong.register(() => nodeRecord(2));
    await waitFor("a line", () => lines.length > 0);
    expect(wrong.available).toBe(false);
    expect(lines.join("\n")).not.toContain("not-it-either");
  });

  it("follows the sentinels to the new master, and takes its node and its claims there", async () => {
    await using master = await startRedisServer();
    const link = ["--replicaof", "127.0.0.1", String(master.port), "--repl-diskless-sync-delay", "0"];
    await using replica = await startRedisServer(...link);
    const client = new Redis({ host: "127.0.0.1", port: replica.port, protocol: 2 });
    client.on("error", () => {});
    onTestFinished(() => client.disconnect());
    await waitFor("the replica to be in step", async () =>
      /master_link_status:up/.test(await client.info("replication")),
    );
    await using sentinel = await startSentinel("canopy", master);
    const addresses = [{ host: "127.0.0.1", port: sentinel.port }];
    const plane = openPlane(redisOptions("sentinel", addresses, "watched", { sentinelMaster: "canopy" }));
    await plane.register(() => nodeRecord(1));
    await claim(plane, "live/a");
    // A sentinel looks for replicas every ten seconds, if it is not told otherwise: without one it cannot promote it.
    const sentinelClient = new Redis({ host: "127.0.0.1", port: sentinel.port, protocol: 2 });
    sentinelClient.on("error", () => {});
    onTestFinished(() => sentinelClient.disconnect());
    await sentinelClient.call("SENTINEL", "DEBUG", "INFO-PERIOD", "500");
    await waitFor("the sentinel to know the replica", async () => {
      const replicas = (await sentinelClient.call("SENTINEL", "REPLICAS", "canopy")) as unknown[];
      return replicas.length === 1;
    });
    await master.kill();
    await waitFor("the outage", () => !plane.available);
    const offline = await plane.claim("live/b", { nodeId: 1, takeOver: false });
    expect(offline.kind).toBe("unknown");
    await waitFor(
      "node and claims at the new master",
      async () => {
        const paths = await client.hkeys("{watched}:broadcasts");
        const role = (await client.call("ROLE")) as [string];
        return role[0] === "master" && plane.available && paths.sort().join() === "live/a,live/b";
      },
      60_000,
    );
    expect(await client.hkeys("{watched}:nodes")).toEqual(["1"]);
  });
});
