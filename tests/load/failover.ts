import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { QuicLoop } from "@canopy/transport/quic";
import { openViewer, USUAL_VIEWPORT } from "../harness/browser-viewer.ts";
import { launchChromium } from "../harness/chromium.ts";
import { serveConsolePages } from "../harness/console-pages.ts";
import {
  feederOf,
  type RegisteredTree,
  readTopology,
  startRegisteredTree,
} from "../harness/registered-tree.ts";
import { startSmallPublisher } from "../harness/small-publisher.ts";
import { openSwitchingProxy } from "../harness/switching-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WatchedBroadcast } from "../harness/watched-broadcast.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

// How long viewers wait when a node of a tree of six processes (2 origins, 2 relays, 2 edges, one Redis) is killed
// (kill -9): from the kill until the first picture that was captured after it. Node viewers, and for the edge a
// player in Chromium that has only asked where to go.

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    // Kinds of failure, or several of them; all unless said otherwise. "silent" is a relay that stops without a word
    // and whose ports stay open, as a machine does that is cut off.
    kill: { type: "string", multiple: true, default: ["relay", "silent", "origin", "edge", "redis"] },
    // Of each broadcast at each edge.
    viewers: { type: "string", default: "5" },
    "redis-seconds": { type: "string", default: "60" },
  },
});
const runs = Number(values.runs);
const viewersEach = Number(values.viewers);
const BROADCASTS = ["live/a", "live/b"] as const;
/** Rounds begin at different places in the group: a prime number of ms apart. */
const PAUSE_MS = 1_373;
/** Enough that a picture that was on its way when the process died does not count. */
const IN_FLIGHT_MS = 50;

const loop = new QuicLoop();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** All times, in order. */
const distributions: Record<string, readonly number[]> = {};

/** What a kind of kill did to its viewers. */
class Outcome {
  readonly waits = new Samples();
  sessionsLost = 0;
  groupsRepeated = 0;
  picturesRepeated = 0;
  picturesMissing = 0;

  add(watching: readonly WatchedBroadcast[], references: readonly WatchedBroadcast[] = []): void {
    for (const each of watching) {
      if (each.sessionLost) this.sessionsLost += 1;
      this.groupsRepeated += each.groupsRepeated;
      this.picturesRepeated += each.repeated;
      const reference = references.find(({ broadcast }) => broadcast === each.broadcast);
      if (reference !== undefined) this.picturesMissing += each.missingOf(reference);
    }
  }

  row(what: string): Row {
    const { waits } = this;
    distributions[what] = waits.values().sort((a, b) => a - b);
    return {
      what,
      samples: waits.count,
      "p50 ms": Math.round(waits.percentile(0.5)),
      "p95 ms": Math.round(waits.percentile(0.95)),
      "max ms": Math.round(waits.percentile(1)),
      "sessions lost": this.sessionsLost,
      "groups twice": this.groupsRepeated,
      "pictures twice": this.picturesRepeated,
      "pictures missing": this.picturesMissing,
    };
  }
}

async function watchEverywhere(tree: RegisteredTree): Promise<WatchedBroadcast[]> {
  const watching: WatchedBroadcast[] = [];
  for (const node of tree.nodes) {
    if (node.kind !== "edge") continue;
    for (const broadcast of BROADCASTS) {
      for (let index = 0; index < viewersEach; index += 1)
        watching.push(await WatchedBroadcast.open(node.url, broadcast, loop));
    }
  }
  await Promise.all(watching.map((each) => each.receives(20)));
  return watching;
}

/** Name of the origin that a broadcast is published at. */
async function originOf(tree: RegisteredTree, broadcast: string): Promise<string> {
  return waitFor(`an origin to have ${broadcast}`, async () => {
    for (const { kind, url, name } of tree.nodes) {
      if (kind !== "origin") continue;
      const { broadcasts } = await readTopology(url);
      if (broadcasts.some(({ path }) => path === broadcast)) return name;
    }
    return undefined;
  });
}

async function announced(tree: RegisteredTree): Promise<void> {
  for (const node of tree.nodes) {
    if (node.kind !== "edge") continue;
    await waitFor(`${node.name} to announce both broadcasts`, async () => {
      const text = await (await fetch(`${node.url}/announced`)).text();
      return BROADCASTS.every((broadcast) => text.includes(`${broadcast}\n`));
    });
  }
}

async function killRelays(tree: RegisteredTree, how: "killed" | "silent"): Promise<Row> {
  const outcome = new Outcome();
  for (let run = 0; run < runs; run += 1) {
    const references: WatchedBroadcast[] = [];
    for (const broadcast of BROADCASTS) {
      const { url } = tree.node(await originOf(tree, broadcast));
      references.push(await WatchedBroadcast.open(url, broadcast, loop));
    }
    const watching = await watchEverywhere(tree);
    const victim = await feederOf(tree, tree.node("edge-1"), "live/a");
    const fed = [];
    for (const each of watching) {
      const edge = tree.nodes.find(({ url }) => url === each.url);
      if (edge !== undefined && (await feederOf(tree, edge, each.broadcast)) === victim) fed.push(each);
    }
    await sleep(Math.random() * 1_000);
    const killedMs = how === "killed" ? await victim.kill() : Date.now();
    if (how === "silent") victim.process.child.kill("SIGSTOP");
    for (const each of fed) outcome.waits.add((await each.resumedMs(killedMs + IN_FLIGHT_MS)) - killedMs);
    await Promise.all(watching.map((each) => each.receives(20)));
    outcome.add(watching, references);
    for (const each of [...watching, ...references]) each.close();
    if (how === "silent") await victim.kill();
    await tree.start(victim.name);
    await tree.formed();
    await sleep(PAUSE_MS);
  }
  return outcome.row(`relay ${how} → media at the viewer`);
}

async function killOrigins(tree: RegisteredTree): Promise<Row> {
  const outcome = new Outcome();
  for (let run = 0; run < runs; run += 1) {
    const watching = await watchEverywhere(tree);
    const victim = tree.node(await originOf(tree, "live/a"));
    const killedMs = await victim.kill();
    // As the player does when the broadcast is announced anew.
    const timer = setInterval(() => {
      for (const each of watching) each.resubscribe();
    }, 50);
    for (const each of watching) {
      if (each.broadcast !== "live/a") continue;
      outcome.waits.add((await each.resumedMs(killedMs + IN_FLIGHT_MS, 60_000)) - killedMs);
    }
    await Promise.all(watching.map((each) => each.receives(20)));
    clearInterval(timer);
    outcome.add(watching);
    for (const each of watching) each.close();
    await tree.start(victim.name);
    await tree.formed();
    await announced(tree);
    await sleep(PAUSE_MS);
  }
  return outcome.row("origin killed, publisher reconnects → media at the viewer");
}

async function killEdges(tree: RegisteredTree): Promise<Row> {
  const outcome = new Outcome();
  await using pages = await serveConsolePages();
  await using chromium = await launchChromium();
  for (let run = 0; run < runs; run += 1) {
    const viewer = await openViewer(chromium, {
      console: pages.url,
      src: [],
      broadcast: "live/b",
      viewport: USUAL_VIEWPORT,
      query: { locate: tree.node("relay-1").url },
    });
    await viewer.presents(30);
    const port = new URL((await viewer.stats()).src ?? "").port;
    const victim = tree.nodes.find(({ url }) => new URL(url).port === port);
    if (victim === undefined) throw new Error(`no edge has port ${port}`);
    const killedMs = await victim.kill();
    const wait = await waitFor("a picture from after the loss", async () => {
      const { presentedTimestampsUs } = await viewer.stats();
      const last = (presentedTimestampsUs.at(-1) ?? 0) / 1_000;
      return last > killedMs + IN_FLIGHT_MS ? Date.now() - killedMs : undefined;
    });
    outcome.waits.add(wait);
    await viewer.close();
    await tree.start(victim.name);
    await tree.formed();
    await announced(tree);
    await sleep(PAUSE_MS);
  }
  return outcome.row("edge killed → player in Chromium at the other edge");
}

async function killRedis(tree: RegisteredTree): Promise<Row> {
  const outcome = new Outcome();
  const watching = await watchEverywhere(tree);
  const startedMs = Date.now();
  await tree.redis.kill();
  const joined: WatchedBroadcast[] = [];
  const endsAtMs = startedMs + Number(values["redis-seconds"]) * 1_000;
  while (Date.now() < endsAtMs) {
    const edge = tree.node(joined.length % 2 === 0 ? "edge-1" : "edge-2");
    const before = Date.now();
    const viewer = await WatchedBroadcast.open(edge.url, BROADCASTS[joined.length % 2] ?? "live/a", loop);
    await viewer.receives(1);
    outcome.waits.add(Date.now() - before);
    joined.push(viewer);
    await sleep(900);
  }
  await tree.redis.restart();
  await Promise.all(watching.map((each) => each.receives(20)));
  await tree.formed();
  outcome.add([...watching, ...joined]);
  const pauses = watching.map((each) => each.longestPause(startedMs));
  const longest = pauses.reduce((worst, pause) => (pause.ms > worst.ms ? pause : worst));
  for (const each of [...watching, ...joined]) each.close();
  return {
    ...outcome.row(`Redis gone for ${values["redis-seconds"]} s: joining meanwhile`),
    "longest pause of those who were there, ms": longest.ms,
    "it began after s": Math.round((longest.sinceMs - startedMs) / 100) / 10,
    "had one as long": pauses.filter(({ ms }) => ms > 0.8 * longest.ms).length,
  };
}

const KILLS: Readonly<Record<string, (tree: RegisteredTree) => Promise<Row>>> = {
  relay: (tree) => killRelays(tree, "killed"),
  silent: (tree) => killRelays(tree, "silent"),
  origin: killOrigins,
  edge: killEdges,
  redis: killRedis,
};

async function main(): Promise<void> {
  await using tree = await startRegisteredTree({ origin: 2, relay: 2, edge: 2 });
  const [first = 0, second = 0] = tree.nodes.flatMap(({ rtmpPort }) => rtmpPort ?? []);
  await using firstProxy = await openSwitchingProxy([first, second]);
  await using secondProxy = await openSwitchingProxy([second, first]);
  await using _a = startSmallPublisher(firstProxy.port, "live/a");
  await using _b = startSmallPublisher(secondProxy.port, "live/b");
  await announced(tree);
  const rows: Row[] = [];
  for (const kind of values.kill) {
    const kill = KILLS[kind];
    if (kill === undefined) throw new Error(`--kill is one of ${Object.keys(KILLS).join(", ")}, not ${kind}`);
    rows.push(await kill(tree));
  }
  const name =
    values.kill.length === Object.keys(KILLS).length ? "failover" : `failover ${values.kill.join(" ")}`;
  report(name, rows, {
    runs,
    viewersEach,
    distributions,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  });
}

await main();
process.exit(0);
