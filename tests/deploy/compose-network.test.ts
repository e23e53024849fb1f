import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { type RedisServer, startRedisServer } from "../harness/redis-server.ts";
import { ROOT } from "../harness/repository-root.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: unknown;
        readonly command: readonly string[];
        readonly environment: Record<string, string>;
      }
    >
  >;
}

const compose = parse(readFileSync(join(ROOT, "deploy", "compose", "compose.yaml"), "utf8"), {
  merge: true,
}) as Compose;
const ours = Object.entries(compose.services).filter(([, service]) => service.build !== undefined);
/** The ports that appear in the file, in whose place the test has free ones. */
const PORTS = [4440, 4441, 4443, 4444, 8080, 1935] as const;

let redis: RedisServer;
let folder: string;
let first: number;
const started: StartedProcess[] = [];
const url = (port: (typeof PORTS)[number]): string => `http://127.0.0.1:${first + PORTS.indexOf(port)}`;

/** The processes of the compose file with its settings, on this machine instead of in containers. */
beforeAll(async () => {
  [redis, first] = await Promise.all([startRedisServer(), findFreePorts(PORTS.length)]);
  folder = mkdtempSync(join(tmpdir(), "canopy-compose-"));
  for (const [name, service] of ours) {
    const env: Record<string, string> = { CANOPY_RTMP_PORT: String(first + PORTS.indexOf(1935)) };
    for (const [key, value] of Object.entries(service.environment)) env[key] = onThisMachine(key, value);
    if (service.command[0] !== "origin") delete env.CANOPY_RTMP_PORT;
    started.push(startProcess(process.execPath, [CANOPY_COMMAND, ...service.command], { env }));
    // As its health check makes the next one wait.
    if (name === "origin" || name === "relay") await untilReady(url(name === "origin" ? 4440 : 4441));
  }
});

afterAll(async () => {
  await Promise.all(started.map((process) => process.stop()));
  await redis?.[Symbol.asyncDispose]();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function onThisMachine(key: string, value: string): string {
  if (key === "CANOPY_RECORDINGS_DIR") return join(folder, "recordings");
  if (key === "CANOPY_REDIS") return value.replace("redis:6379", `127.0.0.1:${redis.port}`);
  const moved = (port: string) => {
    const index = PORTS.findIndex((known) => String(known) === port);
    return index < 0 ? port : String(first + index);
  };
  return value
    .replaceAll(/\/\/(origin|relay):/g, "//127.0.0.1:")
    .replaceAll(/(?<=:|^)\d{4}(?=\/|,|$)/g, moved);
}

async function untilReady(node: string): Promise<void> {
  await waitFor(`${node} to be ready`, async () => (await fetch(`${node}/readyz`)).ok, 60_000);
}

describe("the processes of deploy/compose", () => {
  it("find each other through Redis, and bring the test picture to both edges", async () => {
    for (const edge of [url(4443), url(4444)]) {
      await untilReady(edge);
      await waitFor(`live/demo at ${edge}`, async () => {
        const announced = await (await fetch(`${edge}/announced`)).text();
        return announced.split("\n").includes("live/demo");
      });
      const playlist = await waitFor(`pictures of it at ${edge}`, async () => {
        const answer = await fetch(`${edge}/hls/live/demo/index.m3u8`);
        return answer.ok && (await answer.text());
      });
      expect(playlist).toContain("#EXTM3U");
    }
    const { cluster } = (await (await fetch(`${url(4440)}/v1/topology`)).json()) as {
      readonly cluster: { readonly nodes: readonly { readonly name: string; readonly region: string }[] };
    };
    expect(cluster.nodes.map(({ name, region }) => `${region} ${name}`)).toEqual([
      "laptop origin",
      "laptop relay",
      "laptop edge-1",
      "laptop edge-2",
    ]);
    expect((await fetch(`${url(8080)}/watch`)).status).toBe(200);
  });
});
