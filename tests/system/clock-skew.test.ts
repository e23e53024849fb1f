import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NetworkDescription } from "@canopy/relay/node";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { type RegisteredTree, startRegisteredTree } from "../harness/registered-tree.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WatchedBroadcast } from "../harness/watched-broadcast.ts";

/** Ten seconds lie between the clocks of the two ends. */
const SKEWS_MS = { "origin-1": 5_000, "relay-1": 0, "edge-1": -5_000, "edge-2": 5_000 } as const;
const NODES = Object.keys(SKEWS_MS) as (keyof typeof SKEWS_MS)[];
const BROADCAST = "live/a";
const OPERATOR = { put: [""], canopy: { role: "admin" } };
/** Longer than the registry keeps a node that is silent, on a machine that does other things. */
const FORGOTTEN_MS = 20_000;

const key = Buffer.alloc(32, 7);
let folder: string;
let tree: RegisteredTree;
let publisher: StartedProcess;
const watching: WatchedBroadcast[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "canopy-skew-"));
  const file = join(folder, "key.json");
  await writeFile(file, JSON.stringify({ kty: "oct", alg: "HS256", k: key.toString("base64url") }));
  const token = await sign({ ...OPERATOR, exp: nowSeconds() + 600 });
  const args = ["--token-key", file];
  tree = await startRegisteredTree({ origin: 1, relay: 1, edge: 2 }, args, { skewsMs: SKEWS_MS, token });
  const jwt = await sign({ put: [""], exp: nowSeconds() + 60 });
  publisher = startProcess(process.execPath, [
    ...[
      CANOPY_COMMAND,
      "broadcast",
      "test",
      "--no-audio",
      "--width",
      "320",
      "--height",
      "180",
      "--fps",
      "15",
    ],
    ...["--to", `rtmp://127.0.0.1:${tree.node("origin-1").rtmpPort}/${BROADCAST}?jwt=${jwt}`],
  ]);
}, 120_000);

afterAll(async () => {
  for (const each of watching) each.close();
  await publisher?.stop();
  await tree?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function sign(claims: { put?: string[]; exp: number; nbf?: number; canopy?: object }): Promise<string> {
  return new SignJWT({ root: "", get: [""], iat: nowSeconds(), ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(key);
}

async function readCluster(url: string): Promise<NonNullable<NetworkDescription["cluster"]>> {
  const jwt = await sign({ ...OPERATOR, exp: nowSeconds() + 60 });
  const answer = await fetch(`${url}/v1/topology?jwt=${jwt}`);
  const { cluster } = (await answer.json()) as NetworkDescription;
  if (cluster === null) throw new Error(`${url} shows no network: ${answer.status}`);
  return cluster;
}

describe("nodes whose clocks are up to ten seconds apart", () => {
  it("find each other, and bring a broadcast through whose times are those of its origin", async () => {
    for (const name of ["edge-1", "edge-2"] as const) {
      const { url } = tree.node(name);
      await waitFor(`${name} to announce`, async () =>
        (await (await fetch(`${url}/announced`)).text()).includes(BROADCAST),
      );
      const each = await WatchedBroadcast.open(url, BROADCAST);
      watching.push(each);
      await each.receives(15);
      const aheadMs = each.frames.map(({ timestampUs, atMs }) => timestampUs / 1_000 - atMs);
      // Nothing arrives before it was made, and what waits in the cache is some seconds old at most.
      expect(Math.max(...aheadMs)).toBeLessThan(SKEWS_MS["origin-1"] + 1_000);
      expect(Math.min(...aheadMs)).toBeGreaterThan(SKEWS_MS["origin-1"] - 10_000);
      expect([each.repeated, each.groupsRepeated]).toEqual([0, 0]);
    }
    for (const name of NODES) {
      await waitFor(`${name} to see everybody, and where the broadcast enters`, async () => {
        const { nodes, broadcasts, stale } = await readCluster(tree.node(name).url);
        return (
          nodes.length === NODES.length && !stale && broadcasts.map(({ path }) => path).join() === BROADCAST
        );
      });
    }
  });

  it("count no frame as old that is from the future", async () => {
    const count = async (name: string): Promise<number | undefined> =>
      (await scrapeMetrics(tree.node(name).url)).get("canopy_frame_age_seconds_count");
    expect(await count("edge-1")).toBe(0);
    expect(await count("edge-2")).toBeGreaterThan(0);
  });

  it("let in who has a token that is good now, and nobody whose token has not been for ten seconds", async () => {
    const good = await sign({ nbf: nowSeconds() - 1, exp: nowSeconds() + 30 });
    const old = await sign({ exp: nowSeconds() - 11 });
    for (const name of NODES) {
      const ask = async (jwt: string): Promise<number> =>
        (await fetch(`${tree.node(name).url}/v1/locate?broadcast=${BROADCAST}&jwt=${jwt}`)).status;
      expect([name, await ask(good), await ask(old)]).toEqual([name, 200, 401]);
    }
  });

  it("forget one that is killed, by time that has passed and not by what it said the time was", async () => {
    const [left, killed] = watching;
    await tree.node("edge-2").kill();
    for (const name of ["origin-1", "relay-1", "edge-1"] as const) {
      await waitFor(
        `${name} to forget edge-2`,
        async () => {
          const { nodes } = await readCluster(tree.node(name).url);
          return (
            nodes
              .map((node) => node.name)
              .sort()
              .join() === "edge-1,origin-1,relay-1"
          );
        },
        FORGOTTEN_MS,
      );
    }
    killed?.close();
    await left?.receives(15);
    expect(left?.intact).toBe(true);
  });
});
