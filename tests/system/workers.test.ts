import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { PackagingEdge } from "../harness/packaging-edge.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/demo";
const WORKERS = 3;
/** Far more than sessions need. */
const DRAIN_SECONDS = 30;
const upstream = 'canopy_subscriptions{direction="upstream"}';

/** Stands for the tier above: broadcasts are written into its store. */
let origin: PackagingEdge;
let broadcast: SyntheticBroadcast;
let node: StartedProcess;
let port: number;

const urlOf = (worker: number): string => `http://127.0.0.1:${port + worker}`;

interface Topology {
  readonly parent: { readonly url: string } | null;
}

async function parentOf(worker: number): Promise<string | undefined> {
  const response = await fetch(`${urlOf(worker)}/v1/topology`);
  return ((await response.json()) as Topology).parent?.url;
}

/** Pid of the worker that has this port among its arguments, as the kernel tells. */
function pidOf(worker: number): number | undefined {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const args = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      const own = args.lastIndexOf("--port");
      if (parent === node.pid && args[own + 1] === String(port + worker)) return Number(entry);
    } catch {
      // It ended meanwhile.
    }
  }
  return undefined;
}

function kill(worker: number): number {
  const pid = pidOf(worker);
  if (pid === undefined) throw new Error(`worker ${worker + 1} does not run`);
  process.kill(pid, "SIGKILL");
  return pid;
}

/** A viewer who sees pictures; `seen` goes on to collect their times. */
async function watchPictures(worker: number): Promise<{ viewer: MoqViewer; seen: readonly number[] }> {
  const seen: number[] = [];
  const viewer = await MoqViewer.connect({
    url: urlOf(worker),
    broadcast: BROADCAST,
    tracks: ["video"],
    // What a slow moment of the machine delays is still wanted.
    maxLatencyMs: 10_000,
    onFrame: (_track, _sequence, { timestamp }) => seen.push(timestamp),
  });
  await waitFor("pictures", () => seen.length >= 15);
  return { viewer, seen };
}

const isReady = async (worker: number): Promise<boolean> => (await fetch(`${urlOf(worker)}/readyz`)).ok;

beforeAll(async () => {
  origin = await PackagingEdge.start();
  broadcast = new SyntheticBroadcast(origin.node.relay.store, {
    path: BROADCAST,
    pictureBytes: 600,
    keyframeBytes: 1_200,
  }).run();
  port = await findFreePorts(WORKERS);
  const args = ["edge", "--host", "127.0.0.1", "--port", String(port), "--workers", String(WORKERS)];
  args.push("--parent", origin.origin.replace("http:", "https:"), "--allow-anonymous");
  args.push("--drain-time", String(DRAIN_SECONDS));
  node = startProcess(process.execPath, [CANOPY_COMMAND, ...args]);
  for (let worker = 0; worker < WORKERS; worker += 1) {
    await waitFor(`worker ${worker + 1}`, () => isReady(worker), 60_000);
  }
});

afterAll(async () => {
  broadcast?.end();
  await node?.stop();
  await origin?.[Symbol.asyncDispose]();
});

describe("canopy edge --workers", () => {
  it("feeds all workers by the first one, which alone asks the parent", async () => {
    for (const worker of [1, 2]) expect(await parentOf(worker)).toBe(`https://127.0.0.1:${port}`);
    const viewers = await Promise.all(
      [0, 1, 2].map((worker) =>
        MoqViewer.connect({ url: urlOf(worker), broadcast: BROADCAST, tracks: ["video", "audio"] }),
      ),
    );
    try {
      await waitFor("pictures", () => viewers.every((viewer) => viewer.view("video").frames >= 15));
      // A worker that took a slow moment of this process for a loss of its parent has two sessions while it changes.
      await waitFor("one session", () => origin.node.relay.topology().children.length === 1);
      expect(origin.node.relay.downstreamCounters.subscriptions).toBe(2);
      expect(await metric(urlOf(0), upstream)).toBe(2);
    } finally {
      for (const viewer of viewers) viewer.close();
    }
  });

  it("starts a worker that crashed again, alone; viewers of the others notice nothing", async () => {
    const { viewer, seen } = await watchPictures(1);
    const pid = kill(2);
    await waitFor("the worker to be back", async () => (await isReady(2)) && pidOf(2) !== pid, 60_000);
    const before = seen.length;
    await waitFor("pictures", () => seen.length >= before + 15);
    expect(viewer.closed).toBeUndefined();
    viewer.close();
    // Each group has a stream of its own: the first picture of one may come before the last of the one before.
    const times = seen.toSorted((left, right) => left - right);
    const steps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(new Set(steps.map((step) => Math.round(step / 1_000)))).toEqual(new Set([33]));
  });

  it("keeps the sessions of the others when the first worker crashes, and goes on without a frame twice", async () => {
    const { viewer, seen } = await watchPictures(1);
    const killedUs = Date.now() * 1_000;
    const pid = kill(0);
    await waitFor("pictures of later", () => (seen.at(-1) ?? 0) > killedUs + 1_000_000);
    console.info(
      `longest pause ${Math.max(...seen.slice(1).map((time, index) => time - (seen[index] ?? 0))) / 1_000} ms of media`,
    );
    expect(viewer.closed).toBeUndefined();
    expect(viewer.view("video").closed).toBe(false);
    expect(new Set(seen).size).toBe(seen.length);
    await waitFor("the first worker to be back", async () => (await isReady(0)) && pidOf(0) !== pid, 60_000);
    viewer.close();
  });

  it("drains all workers on SIGTERM and exits with 0", async () => {
    const viewers = await Promise.all(
      [0, 2].map((worker) =>
        MoqViewer.connect({ url: urlOf(worker), broadcast: BROADCAST, tracks: ["video"] }),
      ),
    );
    await waitFor("pictures", () => viewers.every((viewer) => viewer.view("video").frames >= 15));
    node.child.kill("SIGTERM");
    await waitFor("every viewer to be told", () => viewers.every(({ goaway }) => goaway === ""));
    for (const viewer of viewers) viewer.close();
    const startedAt = performance.now();
    expect(await node.exited).toBe(0);
    // Workers say good-bye to the first one, which does not wait for them until the end of its time.
    expect(performance.now() - startedAt).toBeLessThan(DRAIN_SECONDS * 1_000);
    expect([0, 1, 2].map(pidOf)).toEqual([undefined, undefined, undefined]);
  });
});
