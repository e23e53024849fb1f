import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { startProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

// How much one edge costs per viewer: N moq-lite viewers on loopback, one 1.5 Mbit/s stream of 30 frames/s with
// AAC. The edge is pinned to one core, everything else (origin, publisher, viewers) to the others.

const { values } = parseArgs({
  options: {
    viewers: { type: "string", default: "100,200,300" },
    seconds: { type: "string", default: "15" },
    transport: { type: "string", default: "webtransport" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log("fanout [--viewers 100,200,300] [--seconds 15] [--transport webtransport|quic]");
  process.exit(0);
}

const BROADCAST = "live/fanout";
const TRACKS = ["video", "audio"];
const transport = values.transport === "quic" ? "quic" : "webtransport";
const seconds = Number(values.seconds);
const steps = values.viewers.split(",").map(Number);
/** Time for the congestion windows and the heap to settle before the measurement. */
const SETTLE_MS = 4_000;

function pin(pid: number, cores: string): void {
  spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(pid)], { stdio: "ignore" });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sum over all labels of one metric. */
function sum(metrics: ReadonlyMap<string, number>, name: string): number {
  let total = 0;
  for (const [key, value] of metrics) if (key === name || key.startsWith(`${name}{`)) total += value;
  return total;
}

async function main(): Promise<void> {
  const port = await findFreePorts(3);
  const common = ["--host", "127.0.0.1", "--allow-anonymous", "--log-level", "warn"];
  const limits = ["--max-sessions", "20000", "--max-sessions-per-address", "20000"];
  await using origin = startProcess(process.execPath, [
    CANOPY_COMMAND,
    ...["origin", "--port", String(port), "--rtmp-port", String(port + 1), ...common],
  ]);
  const originUrl = `http://127.0.0.1:${port}`;
  const edgeUrl = `http://127.0.0.1:${port + 2}`;
  await waitFor("the origin", async () => (await fetch(`${originUrl}/livez`)).ok, 60_000);
  await using edge = startProcess(process.execPath, [
    CANOPY_COMMAND,
    ...["edge", "--port", String(port + 2), "--parent", `https://127.0.0.1:${port}`, ...common, ...limits],
  ]);
  await waitFor("the edge", async () => (await fetch(`${edgeUrl}/readyz`)).ok, 60_000);

  const clip = makeClip({ seconds: 60, size: "1280x720", bitrateKbps: 1_400 });
  await using publisher = publishWithFfmpeg(clip, `rtmp://127.0.0.1:${port + 1}/${BROADCAST}`);
  const otherCores = cpus().length > 1 ? `1-${cpus().length - 1}` : "0";
  pin(edge.pid, "0");
  for (const pid of [origin.pid, publisher.pid, process.pid]) pin(pid, otherCores);
  await waitFor(
    "the broadcast",
    async () => (await fetch(`${originUrl}/v1/broadcasts/${BROADCAST}`)).ok,
    60_000,
  );

  const rows: Row[] = [];
  const viewers: MoqViewer[] = [];
  const ages = new Samples();
  const onFrame = (track: string, _sequence: number, frame: { readonly timestamp: number }): void => {
    if (track === "video") ages.add(performance.timeOrigin + performance.now() - frame.timestamp / 1000);
  };
  const idle = readProcessUsage(edge.pid);
  for (const wanted of steps) {
    while (viewers.length < wanted) {
      viewers.push(
        await MoqViewer.connect({ url: edgeUrl, broadcast: BROADCAST, tracks: TRACKS, transport, onFrame }),
      );
    }
    await waitFor(
      "every viewer's first frames",
      () => viewers.every((viewer) => viewer.view("video").frames > 10),
      60_000,
    );
    await sleep(SETTLE_MS);

    ages.clear();
    const startedAt = performance.now();
    const edgeBefore = readProcessUsage(edge.pid);
    const ownBefore = process.cpuUsage();
    const metricsBefore = await scrapeMetrics(edgeUrl);
    const bytesBefore = viewers.reduce((total, viewer) => total + viewer.view("video").bytes, 0);
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const edgeAfter = readProcessUsage(edge.pid);
    const own = process.cpuUsage(ownBefore);
    const metricsAfter = await scrapeMetrics(edgeUrl);
    const bytes = viewers.reduce((total, viewer) => total + viewer.view("video").bytes, 0) - bytesBefore;

    const cores = (edgeAfter.cpuSeconds - edgeBefore.cpuSeconds) / elapsedSeconds;
    rows.push({
      viewers: viewers.length,
      "edge CPU %": cores * 100,
      "CPU % per viewer": (cores * 100) / viewers.length,
      "viewers per core": Math.round(viewers.length / cores),
      "KB per session": (edgeAfter.residentBytes - idle.residentBytes) / 1000 / viewers.length,
      "Mbit/s per viewer": (bytes * 8) / 1e6 / elapsedSeconds / viewers.length,
      "age p50 ms": ages.percentile(0.5),
      "age p99 ms": ages.percentile(0.99),
      "groups dropped":
        sum(metricsAfter, "canopy_groups_dropped_total") - sum(metricsBefore, "canopy_groups_dropped_total"),
      "flush ms": (metricsAfter.get("canopy_flush_interval_seconds") ?? 0) * 1000,
      "viewers' CPU %": ((own.user + own.system) / 1e6 / elapsedSeconds) * 100,
    });
  }
  for (const viewer of viewers) viewer.close();
  report(`fanout ${transport}`, rows, { seconds, bitrate: "1.5 Mbit/s", fps: 30, transport });
}

await main();
process.exit(0);
