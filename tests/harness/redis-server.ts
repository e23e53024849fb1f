import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisAddress, RedisOptions } from "@canopy/runtime";
import { Redis } from "ioredis";
import { type StartedProcess, startProcess } from "./child-process.ts";
import { findFreePorts } from "./free-ports.ts";
import { waitFor } from "./wait-for.ts";

/** A master is declared dead after so long; the least that a busy machine does not take for a pause. */
const NODE_TIMEOUT_MS = 1_500;
const SLOTS = 16_384;

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** kill -9: nothing is said to anybody, nothing is saved. */
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
}

/** A redis-server without persistence, on loopback. */
export async function startRedisServer(...args: readonly string[]): Promise<RedisServer> {
  return startOn(await findFreePorts(1), args);
}

/** A redis-server that speaks TLS only, with the certificate and key of these files. */
export async function startTlsRedisServer(files: {
  readonly cert: string;
  readonly key: string;
}): Promise<RedisServer> {
  const port = await findFreePorts(1);
  return startOn(port, [
    ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", files.cert, "--tls-key-file", files.key, "--tls-ca-cert-file", files.cert],
  ]);
}

/** A sentinel that alone decides whether the master is down. */
export async function startSentinel(name: string, master: RedisServer): Promise<RedisServer> {
  const port = await findFreePorts(1);
  const folder = await mkdtemp(join(tmpdir(), "canopy-sentinel-"));
  const file = join(folder, "sentinel.conf");
  await writeFile(
    file,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 5000`,
      "",
    ].join("\n"),
  );
  const running = startProcess("redis-server", [file, "--sentinel"]);
  await running.printed(/\+monitor master/);
  return {
    port,
    kill: async () => {
      running.child.kill("SIGKILL");
      await running.exited;
    },
    restart: () => Promise.reject(new Error("a sentinel is not started again")),
    [Symbol.asyncDispose]: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startOn(port: number, args: readonly string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "canopy-redis-"));
  const launch = async (): Promise<StartedProcess> => {
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...args];
    const started = startProcess("redis-server", options);
    await started.printed(/Ready to accept connections/);
    return started;
  };
  let running = await launch();
  return {
    port,
    kill: async () => {
      running.child.kill("SIGKILL");
      await running.exited;
    },
    restart: async () => {
      running = await launch();
    },
    [Symbol.asyncDispose]: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface RedisCluster extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly addresses: readonly RedisAddress[];
  /** The server that has the slot of `key`, as the first server that answers says. */
  masterOf(key: string): Promise<RedisServer>;
}

/** Three masters, with a replica each if wanted. */
export async function startRedisCluster(options: { readonly replicas: boolean }): Promise<RedisCluster> {
  const count = options.replicas ? 6 : 3;
  const first = await findFreePorts(2 * count);
  const servers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startOn(first + index, [
        ...["--cluster-enabled", "yes", "--cluster-port", String(first + count + index)],
        ...["--cluster-node-timeout", String(NODE_TIMEOUT_MS), "--cluster-replica-validity-factor", "0"],
        ...["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"],
      ]),
    ),
  );
  const clients = servers.map(({ port }) => connect(port));
  try {
    const [head, ...others] = clients;
    if (head === undefined) throw new Error("a cluster has servers");
    for (const [index, client] of clients.slice(0, 3).entries()) {
      const [from, to] = [Math.floor((index * SLOTS) / 3), Math.floor(((index + 1) * SLOTS) / 3) - 1];
      await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    }
    for (const [index] of others.entries()) {
      await head.call("CLUSTER", "MEET", "127.0.0.1", first + index + 1, first + count + index + 1);
    }
    await waitFor("the servers to know each other", async () => {
      const texts = await Promise.all(clients.map((client) => client.call("CLUSTER", "INFO")));
      return texts.every((text) => new RegExp(`cluster_known_nodes:${count}\\b`).test(String(text)));
    });
    for (const [index, replica] of clients.slice(3).entries()) {
      const id = await clients[index]?.call("CLUSTER", "MYID");
      await replica.call("CLUSTER", "REPLICATE", String(id));
    }
    await waitFor("the cluster to be whole", async () => {
      const infos = await Promise.all(clients.map((client) => client.call("CLUSTER", "INFO")));
      const roles = await Promise.all(clients.slice(3).map((client) => client.call("INFO", "replication")));
      return (
        infos.every((text) => /cluster_state:ok/.test(String(text))) &&
        roles.every((text) => /master_link_status:up/.test(String(text)))
      );
    });
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    servers,
    addresses: servers.map(({ port }) => ({ host: "127.0.0.1", port })),
    masterOf: (key) => findMaster(servers, key),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

async function findMaster(servers: readonly RedisServer[], key: string): Promise<RedisServer> {
  for (const { port } of servers) {
    const client = connect(port);
    try {
      const slot = Number(await client.call("CLUSTER", "KEYSLOT", key));
      const ranges = (await client.call("CLUSTER", "SLOTS")) as [number, number, [string, number]][];
      const range = ranges.find(([from, to]) => slot >= from && slot <= to);
      const master = servers.find((server) => server.port === range?.[2][1]);
      if (master !== undefined) return master;
    } catch {
      // This one is down: another knows.
    } finally {
      client.disconnect();
    }
  }
  throw new Error(`no server has the slot of ${key}`);
}

function connect(port: number): Redis {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    protocol: 2,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
  });
  client.on("error", () => {});
  return client;
}

/** How a test reaches a Redis; every test has a prefix of its own. */
export function redisOptions(
  kind: RedisOptions["kind"],
  addresses: readonly RedisAddress[],
  prefix: string,
  more: Partial<RedisOptions> = {},
): RedisOptions {
  return {
    kind,
    addresses,
    username: undefined,
    password: undefined,
    database: 0,
    tls: undefined,
    sentinelMaster: undefined,
    prefix,
    timeoutMs: 1_000,
    ...more,
  };
}
