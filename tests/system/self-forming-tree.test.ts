import type { NetworkDescription } from "@canopy/relay/node";
import { QuicLoop } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openViewer } from "../harness/browser-viewer.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { launchChromium } from "../harness/chromium.ts";
import { serveConsolePages } from "../harness/console-pages.ts";
import {
  feederOf,
  type RegisteredTree,
  readTopology,
  startRegisteredTree,
  type TreeNode,
} from "../harness/registered-tree.ts";
import { startSmallPublisher } from "../harness/small-publisher.ts";
import { openSwitchingProxy, type SwitchingProxy } from "../harness/switching-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WatchedBroadcast } from "../harness/watched-broadcast.ts";

/** One broadcast enters at each origin. */
const BROADCASTS = ["live/a", "live/b"] as const;

const loop = new QuicLoop();
const proxies: SwitchingProxy[] = [];
const publishers: StartedProcess[] = [];
let tree: RegisteredTree;

beforeAll(async () => {
  tree = await startRegisteredTree({ origin: 2, relay: 2, edge: 2 });
  const [first = 0, second = 0] = tree.nodes.flatMap(({ rtmpPort }) => rtmpPort ?? []);
  for (const [index, broadcast] of BROADCASTS.entries()) {
    const proxy = await openSwitchingProxy(index === 0 ? [first, second] : [second, first]);
    proxies.push(proxy);
    publishers.push(startSmallPublisher(proxy.port, broadcast));
  }
  for (const edge of edges()) await announces(edge);
}, 120_000);

afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  await tree?.[Symbol.asyncDispose]();
});

function edges(): TreeNode[] {
  return tree.nodes.filter(({ kind }) => kind === "edge");
}

async function announces(node: TreeNode): Promise<void> {
  await waitFor(`${node.name} to announce both broadcasts`, async () => {
    const text = await (await fetch(`${node.url}/announced`)).text();
    return BROADCASTS.every((broadcast) => text.includes(`${broadcast}\n`));
  });
}

/** Two viewers of each broadcast at each edge. */
async function watchEverywhere(): Promise<WatchedBroadcast[]> {
  const watching = await Promise.all(
    edges().flatMap(({ url }) =>
      [...BROADCASTS, ...BROADCASTS].map((broadcast) => WatchedBroadcast.open(url, broadcast, loop)),
    ),
  );
  await Promise.all(watching.map((each) => each.receives(15)));
  return watching;
}

/** The broadcast as its origin has it. */
async function watchAtOrigin(broadcast: string): Promise<WatchedBroadcast> {
  for (const node of tree.nodes) {
    if (node.kind !== "origin" || node.process.child.exitCode !== null) continue;
    const { broadcasts } = await readTopology(node.url);
    if (broadcasts.some(({ path }) => path === broadcast)) {
      const watching = await WatchedBroadcast.open(node.url, broadcast, loop);
      await watching.receives(1);
      return watching;
    }
  }
  throw new Error(`${broadcast} is at no origin`);
}

async function locate(node: TreeNode): Promise<{ status: number; ports: string[] }> {
  const response = await fetch(`${node.url}/v1/locate?broadcast=live/a`);
  const { edges: found = [] } = (await response.json()) as { edges?: readonly { httpUrl: string }[] };
  return { status: response.status, ports: found.map(({ httpUrl }) => new URL(httpUrl).port).sort() };
}

describe("a tree of six processes that know one Redis", () => {
  it("has formed by itself, takes each broadcast into the region once, and names its edges", async () => {
    const watching = await watchEverywhere();
    for (const broadcast of BROADCASTS) {
      // What began before all relays were there is moved within ten seconds.
      const feeders = await waitFor(`${broadcast} to come into the region once`, async () => {
        const found = await Promise.all(edges().map((edge) => feederOf(tree, edge, broadcast)));
        return new Set(found.map(({ name }) => name)).size === 1 && found;
      });
      expect(feeders.every(({ kind }) => kind === "relay")).toBe(true);
    }
    const ports = edges().map(({ url }) => new URL(url).port);
    for (const node of tree.nodes) expect(await locate(node)).toEqual({ status: 200, ports: ports.sort() });
    for (const each of watching) each.close();
  });

  it("is shown whole by every node: who is there, who feeds whom, and where broadcasts enter", async () => {
    const idsOf = (nodes: readonly { readonly id?: number }[]) => nodes.map(({ id = 0 }) => id).sort();
    for (const { name, url } of tree.nodes) {
      await waitFor(`the whole tree at ${name}`, async () => {
        const { self, cluster } = (await (await fetch(`${url}/v1/topology`)).json()) as NetworkDescription;
        if (cluster === null || cluster.stale || self.name !== name) return false;
        const roles = cluster.nodes.map(({ role }) => role);
        if (roles.join() !== "origin,origin,relay,relay,edge,edge") return false;
        const at = (role: string) => cluster.nodes.filter((node) => node.role === role);
        const isFedBy = (children: string, parents: string): boolean =>
          at(children).every((node) => idsOf(node.parents).join() === idsOf(at(parents)).join());
        const enters = cluster.broadcasts.map(({ path, nodeId }) => [
          path,
          idsOf(at("origin")).includes(nodeId),
        ]);
        return (
          at("origin").every(({ parents }) => parents.length === 0) &&
          isFedBy("relay", "origin") &&
          isFedBy("edge", "relay") &&
          enters.join() === "live/a,true,live/b,true"
        );
      });
    }
  });

  it("plays on without a picture lost or shown twice when a relay is killed", async () => {
    const references = await Promise.all(BROADCASTS.map(watchAtOrigin));
    const watching = await watchEverywhere();
    const [edge] = edges();
    if (edge === undefined) throw new Error("there are two edges");
    const victim = await feederOf(tree, edge, "live/a");
    const killedMs = await victim.kill();
    const resumed = await Promise.all(watching.map((each) => each.resumedMs(killedMs + 200)));
    console.info(`after ${resumed.map((ms) => ms - killedMs).join(", ")} ms`);
    await Promise.all(watching.map((each) => each.receives(15)));
    expect((await feederOf(tree, edge, "live/a")).name).not.toBe(victim.name);
    for (const each of watching) {
      const reference = references[BROADCASTS.indexOf(each.broadcast as (typeof BROADCASTS)[number])];
      if (reference === undefined) throw new Error("there are two broadcasts");
      expect(each.intact).toBe(true);
      expect([each.repeated, each.groupsRepeated, each.missingOf(reference)]).toEqual([0, 0, 0]);
    }
    for (const each of [...watching, ...references]) each.close();
    await tree.start(victim.name);
    await tree.formed();
  });

  it("plays on and lets viewers join while Redis is gone, and is right afterwards", async () => {
    const watching = await watchEverywhere();
    await tree.redis.kill();
    // Longer than the registry keeps a node that is silent.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    const [edge] = edges();
    if (edge === undefined) throw new Error("there are two edges");
    const joined = await WatchedBroadcast.open(edge.url, "live/b", loop);
    await joined.receives(15);
    expect((await locate(edge)).ports).toHaveLength(2);
    await tree.redis.restart();
    await Promise.all(watching.map((each) => each.receives(15)));
    await tree.formed();
    for (const each of [...watching, joined]) {
      expect(each.intact).toBe(true);
      expect([each.repeated, each.groupsRepeated]).toEqual([0, 0]);
      each.close();
    }
    await waitFor("the registry to know everybody again", async () => {
      const found = await Promise.all(tree.nodes.map((node) => locate(node)));
      return found.every(({ ports }) => ports.length === 2);
    });
  }, 90_000);

  it("goes on in the same sessions when an origin is killed and its publisher comes to the other", async () => {
    const watching = await watchEverywhere();
    const origin = tree.node("origin-1");
    const killedMs = await origin.kill();
    const isBack = setInterval(() => {
      for (const each of watching) each.resubscribe();
    }, 50);
    try {
      const resumed = await Promise.all(watching.map((each) => each.resumedMs(killedMs + 200, 60_000)));
      console.info(`after ${resumed.map((ms) => ms - killedMs).join(", ")} ms`);
      await Promise.all(watching.map((each) => each.receives(15)));
    } finally {
      clearInterval(isBack);
    }
    for (const each of watching) {
      expect(each.sessionLost).toBe(false);
      expect([each.repeated, each.groupsRepeated]).toEqual([0, 0]);
      each.close();
    }
    await tree.start(origin.name);
    await tree.formed();
  }, 90_000);

  it("moves a player, who has only asked where to go, to the other edge when his is killed", async () => {
    await using pages = await serveConsolePages();
    await using chromium = await launchChromium();
    const viewer = await openViewer(chromium, {
      console: pages.url,
      src: [],
      broadcast: "live/b",
      query: { locate: tree.node("relay-1").url },
    });
    await viewer.presents(15);
    const before = (await viewer.stats()).src ?? "";
    const edge = edges().find(({ url }) => new URL(url).port === new URL(before).port);
    const killedMs = await edge?.kill();
    await waitFor("the player to move", async () => (await viewer.stats()).src !== before);
    await viewer.presents(15);
    console.info(`moved and played within ${Date.now() - (killedMs ?? 0)} ms`);
    const stats = await viewer.plays();
    expect(stats.reconnects).toBe(1);
    const other = edges().find(({ name }) => name !== edge?.name);
    expect(new URL(stats.src ?? "").port).toBe(new URL(other?.url ?? "").port);
    await viewer.close();
  }, 90_000);
});
