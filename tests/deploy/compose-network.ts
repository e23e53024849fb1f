import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { startRedisServer } from "../harness/redis-server.ts";
import { ROOT } from "../harness/repository-root.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: unknown;
        readonly command: readonly string[];
        readonly environment: Readonly<Record<string, string>>;
      }
    >
  >;
}

/** The ports that appear in the file, in whose place there are free ones. */
const PORTS = [4440, 4441, 4443, 4444, 8080, 1935] as const;
const READY_MS = 60_000;

export interface ComposeNetwork extends AsyncDisposable {
  /** HTTP addresses. */
  readonly origin: string;
  readonly relay: string;
  readonly edges: readonly string[];
  readonly console: string;
  /** Ends the nodes at once, as a lost machine would. */
  killNodes(): Promise<void>;
}

/** The processes of deploy/compose with their settings, on this machine instead of in containers. */
export async function startComposeNetwork(): Promise<ComposeNetwork> {
  const compose = parse(readFileSync(join(ROOT, "deploy", "compose", "compose.yaml"), "utf8"), {
    merge: true,
  }) as Compose;
  const [redis, first] = await Promise.all([startRedisServer(), findFreePorts(PORTS.length)]);
  const folder = mkdtempSync(join(tmpdir(), "canopy-compose-"));
  const url = (port: (typeof PORTS)[number]): string => `http://127.0.0.1:${first + PORTS.indexOf(port)}`;

  const onThisMachine = (key: string, value: string): string => {
    if (key === "CANOPY_RECORDINGS_DIR") return join(folder, "recordings");
    if (key === "CANOPY_REDIS") return value.replace("redis:6379", `127.0.0.1:${redis.port}`);
    const moved = (port: string): string => {
      const index = PORTS.findIndex((known) => String(known) === port);
      return index < 0 ? port : String(first + index);
    };
    return value
      .replaceAll(/\/\/(origin|relay):/g, "//127.0.0.1:")
      .replaceAll(/(?<=:|^)\d{4}(?=\/|,|$)/g, moved);
  };

  const started: StartedProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((process) => process.stop()));
    await redis[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const [name, service] of Object.entries(compose.services)) {
      if (service.build === undefined) continue;
      const env = Object.fromEntries(
        Object.entries(service.environment).map(([key, value]) => [key, onThisMachine(key, value)]),
      );
      if (name === "origin") env.CANOPY_RTMP_PORT = String(first + PORTS.indexOf(1935));
      started.push(startProcess(process.execPath, [CANOPY_COMMAND, ...service.command], { env }));
      // As its health check makes the next ones wait.
      if (name === "origin") await untilReady(url(4440));
      if (name === "relay") await untilReady(url(4441));
    }
    await Promise.all([untilReady(url(4443)), untilReady(url(4444))]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    origin: url(4440),
    relay: url(4441),
    edges: [url(4443), url(4444)],
    console: url(8080),
    killNodes: async () => {
      for (const { child } of started) child.kill("SIGKILL");
      await Promise.all(started.map(({ exited }) => exited));
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function untilReady(node: string): Promise<void> {
  await waitFor(`${node} to be ready`, async () => (await fetch(`${node}/readyz`)).ok, READY_MS);
}
