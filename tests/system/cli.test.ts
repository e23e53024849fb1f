import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { waitFor } from "../harness/wait-for.ts";

interface DevProcess {
  readonly name: string;
  readonly pid: number | null;
  readonly restarts: number;
}

function run(...args: string[]): StartedProcess {
  return startProcess(process.execPath, [CANOPY_COMMAND, ...args]);
}

async function processesOf(dev: CanopyDev): Promise<readonly DevProcess[]> {
  const response = await fetch(`${dev.console}/v1/dev`);
  return ((await response.json()) as { processes: readonly DevProcess[] }).processes;
}

/** A process that has ended but that nobody has waited for is a zombie, not alive. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return false;
  const stat = readFileSync(file, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

function pidsOf(processes: readonly DevProcess[]): number[] {
  return processes.map(({ pid }) => pid).filter((pid) => pid !== null);
}

// Beside each other, for most of it is waiting for processes to start.

describe.concurrent("canopy", () => {
  it.sequential("prints its help and version and exits with 0", async () => {
    const help = run("--help");
    expect(await help.exited).toBe(0);
    expect(help.output()).toContain("Usage: canopy");
    const version = run("--version");
    expect(await version.exited).toBe(0);
    expect(version.output()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.sequential("exits with 2 for wrong usage and names the nearest valid name", async () => {
    const option = run("edge", "--parrent", "https://127.0.0.1:1");
    expect(await option.exited).toBe(2);
    expect(option.output()).toContain("did you mean --parent?");
    const closed = run("origin");
    expect(await closed.exited).toBe(2);
    expect(closed.output()).toContain("--allow-anonymous");
  });

  it.sequential("exits with 2, and without a stack, when a file that is named is not what it should be", async () => {
    const missing = join(tmpdir(), "canopy-no-such-file");
    const ports = ["--host", "127.0.0.1", "--port", "0", "--rtmp-port", "0", "--webrtc-port", "0"];
    const certificate = ["--tls-cert", missing, "--tls-key", missing];
    const origin = run("origin", "--allow-anonymous", ...ports, ...certificate);
    expect(await origin.exited).toBe(2);
    expect(origin.output()).toContain("--tls-cert");
    const broadcast = run("broadcast", missing, "--to", "rtmp://127.0.0.1:1/live/x");
    expect(await broadcast.exited).toBe(2);
    expect(broadcast.output()).toContain(`cannot open ${missing}`);
    for (const { output } of [origin, broadcast]) expect(output()).not.toMatch(/^ {4}at /m);
  });

  it.sequential("exits with 1 and names the option when a port is taken", async () => {
    const first = await findFreePorts(3);
    const args = ["origin", "--host", "127.0.0.1", "--allow-anonymous", "--port", String(first)];
    await using node = run(...args, "--rtmp-port", String(first + 1), "--drain-time", "0");
    await waitFor("the origin", async () => (await fetch(`http://127.0.0.1:${first}/livez`)).ok);
    const second = run(...args, "--rtmp-port", "0", "--webrtc-port", String(first + 2));
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`port ${first} on 127.0.0.1 is in use; choose another one with --port`);
    expect(await node.stop()).toBe(0);
  });

  it.sequential("keeps a node without a parent alive but not ready", async () => {
    const first = await findFreePorts(2);
    const parent = `https://127.0.0.1:${first + 1}`;
    const common = ["--host", "127.0.0.1", "--allow-anonymous", "--port", String(first), "--drain-time", "0"];
    await using edge = run("edge", ...common, "--parent", parent);
    await waitFor("the edge", async () => (await fetch(`http://127.0.0.1:${first}/livez`)).ok);
    const ready = await fetch(`http://127.0.0.1:${first}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ reasons: ["no parent is connected"] });
    edge.child.kill("SIGTERM");
    expect(await edge.exited).toBe(0);
  });
});

describe.concurrent("canopy dev", () => {
  let dev: CanopyDev;
  beforeAll(async () => {
    dev = await startCanopyDev({ broadcaster: true });
  });
  afterAll(async () => {
    await dev?.stop();
  });

  it.sequential("is ready when the test picture is announced at every edge", async () => {
    for (const edge of dev.edges) {
      expect(await (await fetch(`${edge}/announced`)).text()).toBe("live/demo\n");
      expect(await (await fetch(`${edge}/announced/live`)).text()).toBe("live/demo\n");
      expect(await (await fetch(`${edge}/announced/other`)).text()).toBe("");
      expect((await fetch(`${edge}/readyz`)).status).toBe(200);
      expect(await (await fetch(`${edge}/certificate.sha256`)).text()).toMatch(/^[0-9a-f]{64}$/);
    }
    expect((await fetch(`${dev.console}/`)).status).toBe(200);
  });

  it.sequential("builds a tree: the edges below the relay, the relay below the origin", async () => {
    const topology = async (url: string) => (await fetch(`${url}/v1/topology`)).json();
    const port = (url: string): string => new URL(url).port;
    for (const edge of dev.edges) {
      expect(await topology(edge)).toMatchObject({
        tier: 2,
        parent: { url: `https://127.0.0.1:${port(dev.relay)}` },
      });
    }
    expect(await topology(dev.relay)).toMatchObject({
      tier: 1,
      parent: { url: `https://127.0.0.1:${port(dev.origin)}` },
    });
  });

  it.sequential("tells the time of the same clock on every node", async () => {
    for (const url of [dev.origin, dev.relay, ...dev.edges]) {
      const before = Date.now();
      const { unixMicros } = (await (await fetch(`${url}/v1/time`)).json()) as { unixMicros: number };
      expect(unixMicros / 1_000).toBeGreaterThan(before - 5);
      expect(unixMicros / 1_000).toBeLessThan(Date.now() + 5);
    }
  });

  it.sequential("starts a killed relay again on its ports, and the edges find it", async () => {
    const relay = (await processesOf(dev)).find(({ name }) => name === "relay");
    process.kill(relay?.pid ?? 0, "SIGKILL");
    await waitFor("another relay", async () => {
      const next = (await processesOf(dev)).find(({ name }) => name === "relay");
      return next?.restarts === 1 && next.pid !== null && next.pid !== relay?.pid;
    });
    for (const url of [dev.relay, ...dev.edges]) {
      await waitFor(`${url} to be ready`, async () => (await fetch(`${url}/readyz`)).status === 200);
      await waitFor(
        "live/demo",
        async () => (await (await fetch(`${url}/announced`)).text()) === "live/demo\n",
      );
    }
    expect(dev.process.output()).toMatch(/canopy: relay ended by SIGKILL; starting it again in \d+ ms/);
  });

  it.sequential("refuses to start beside another one on the same ports", async () => {
    const port = new URL(dev.console).port;
    const second = run("dev", "--port", port);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`port ${port} on 127.0.0.1 is in use; choose another one with --port`);
  });

  it.sequential("stops everything on SIGINT within a few seconds and exits with 0", async () => {
    const pids = pidsOf(await processesOf(dev));
    expect(pids).toHaveLength(5);
    const stopsAt = performance.now();
    expect(await dev.stop()).toBe(0);
    expect(performance.now() - stopsAt).toBeLessThan(8_000);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe.concurrent("canopy dev with a key", () => {
  it.sequential("lets in whoever has a token, prints such tokens, and shows them to no other process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "canopy-dev-key-"));
    const made = run("token", "--new-key", "HS256");
    expect(await made.exited).toBe(0);
    const keyPath = join(folder, "key.json");
    writeFileSync(keyPath, made.output());
    await using dev = await startCanopyDev({ broadcaster: true, edges: 1, args: ["--token-key", keyPath] });
    const printed = dev.process.output();
    const [, operator = ""] = /console .*#jwt=(\S+)/.exec(printed) ?? [];
    const [, viewer = ""] = /watch .*&jwt=(\S+)/.exec(printed) ?? [];
    const status = async (url: string, token?: string): Promise<number> => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(url, { headers })).status;
    };
    const broadcast = `${dev.origin}/v1/broadcasts/live/demo`;
    expect([await status(broadcast), await status(broadcast, operator)]).toEqual([401, 200]);
    const playlist = `${dev.edges[0]}/hls/live/demo/index.m3u8`;
    expect(await status(playlist)).toBe(401);
    await waitFor("the playlist", async () => (await status(playlist, viewer)) === 200);
    expect(await status(`${dev.origin}/v1/broadcasts`, viewer)).toBe(200);
    for (const pid of pidsOf(await processesOf(dev)))
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain("eyJ");
    rmSync(folder, { recursive: true });
  });
});

describe.concurrent("canopy dev that is killed", () => {
  it.sequential("takes all its processes with it", async () => {
    await using dev = await startCanopyDev({ edges: 1 });
    const pids = pidsOf(await processesOf(dev));
    expect(pids).toHaveLength(3);
    dev.process.child.kill("SIGKILL");
    await waitFor("all processes to end", () => pids.every((pid) => !isAlive(pid)));
  });
});
