/**
 * What Redis has to do for a deployment: real control planes of so many nodes, in this process, whose loads change as
 * those of nodes do, and broadcasts that origins own. Prints Redis' CPU, commands, traffic and memory for each number of
 * nodes: `npm run bench -- registry [--nodes 50,150,300] [--broadcasts 100] [--seconds 10]`.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClock, createSilentLogger, type NodeRecord } from "@canopy/runtime";
import { createRedisControlPlane } from "@canopy/runtime/redis";
import { Redis } from "ioredis";
import { startRedisServer } from "../harness/redis-server.ts";
import { type Row, report } from "./report.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "50,150,300" },
    broadcasts: { type: "string", default: "100" },
    seconds: { type: "string", default: "10" },
  },
});
const seconds = Number(values.seconds);
const broadcasts = Number(values.broadcasts);
/** All nodes are registered and have read all others. */
const SETTLE_MS = 4_000;
const ORIGINS = 2;
const RELAYS = 10;

const rows: Row[] = [];
for (const nodes of values.nodes.split(",").map(Number)) rows.push(await measure(nodes));
report("registry", rows, { seconds, broadcasts });

async function measure(nodes: number): Promise<Row> {
  await using server = await startRedisServer();
  const planes = Array.from({ length: nodes }, () =>
    createRedisControlPlane(
      {
        kind: "single",
        addresses: [{ host: "127.0.0.1", port: server.port }],
        username: undefined,
        password: undefined,
        database: 0,
        tls: undefined,
        sentinelMaster: undefined,
        prefix: "canopy",
        timeoutMs: 5_000,
      },
      { logger: createSilentLogger(), clock: createClock() },
    ),
  );
  await Promise.all(planes.map((plane, index) => plane.register(() => record(index))));
  for (let index = 0; index < broadcasts; index++) {
    const owner = index % ORIGINS;
    await planes[owner]?.claim(`live/channel-${index}`, { nodeId: owner + 1, takeOver: false });
  }
  await delay(SETTLE_MS);
  const redis = new Redis(server.port, "127.0.0.1");
  const before = await usage(redis);
  await delay(seconds * 1_000);
  const after = await usage(redis);
  redis.disconnect();
  const seen = planes[0]?.view().nodes.size ?? 0;
  if (seen !== nodes) throw new Error(`the first node knows ${seen} of ${nodes} nodes`);
  await Promise.all(planes.map((plane) => plane.close()));
  const took = after.atSeconds - before.atSeconds;
  return {
    nodes,
    "core %": ((after.cpuSeconds - before.cpuSeconds) / took) * 100,
    "commands/s": Math.round((after.commands - before.commands) / took),
    "out Mbit/s": ((after.outBytes - before.outBytes) * 8) / took / 1e6,
    "in Mbit/s": ((after.inBytes - before.inBytes) * 8) / took / 1e6,
    "memory MB": after.memoryBytes / 1e6,
  };
}

/** A node as one of a large deployment registers it, with names as long as they are there. */
function record(index: number): NodeRecord {
  const role = index < ORIGINS ? "origin" : index < ORIGINS + RELAYS ? "relay" : "edge";
  const name = `${role}-${index}`;
  const url = `https://${name}.${role}.eu-central.live.example.com:4443`;
  return {
    id: index + 1,
    name,
    role,
    tier: role === "origin" ? 0 : role === "relay" ? 1 : 2,
    region: "eu-central",
    url,
    httpUrl: url,
    draining: false,
    load: {
      sessions: Math.floor(Math.random() * 400),
      maxSessions: 2_000,
      utilization: Math.random(),
      sentBytesPerSecond: Math.floor(Math.random() * 60_000_000),
    },
    startedAtMs: 1_795_716_000_000,
  };
}

async function usage(redis: Redis) {
  const text = await redis.info();
  const figure = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1]);
  return {
    atSeconds: performance.now() / 1_000,
    cpuSeconds: figure("used_cpu_user") + figure("used_cpu_sys"),
    commands: figure("total_commands_processed"),
    outBytes: figure("total_net_output_bytes"),
    inBytes: figure("total_net_input_bytes"),
    memoryBytes: figure("used_memory"),
  };
}
