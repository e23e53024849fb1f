import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { QuicLoop } from "@canopy/transport/quic";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";
import { measureHttpFanout } from "./fanout-http.ts";
import { measureWebRtcFanout } from "./fanout-webrtc.ts";
import { isHttpLoadProcess, runHttpLoadProcess } from "./http-load.ts";
import { BROADCAST, startPinnedTree } from "./pinned-tree.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";
import { isWhepLoadProcess, runWhepLoadProcess } from "./whep-load.ts";
import { measureSimulatedWhepLoss, measureWhepLoss } from "./whep-loss.ts";

// How much one edge costs per viewer: N moq-lite, WHEP, HLS or FLV viewers on loopback, one 1.5 Mbit/s stream of 30 frames/s
// with AAC (Opus for WHEP). The edge is pinned to one core, everything else (origin, publisher, viewers) to the
// others. Memory is what the last step added: the first one also pays for a heap that has grown to its working size.
// `--idle` counts sessions that subscribe to the catalog only. `--loss` puts WHEP viewers behind a bad path instead.

const DEFAULT_VIEWERS = "100,200,300";
const DEFAULT_SECONDS = "15";
/** Behind a bad path: few viewers, watched for longer. */
const LOSS_VIEWERS = 4;
const LOSS_SECONDS = 60;

const { values } = parseArgs({
  options: {
    viewers: { type: "string", default: DEFAULT_VIEWERS },
    seconds: { type: "string", default: DEFAULT_SECONDS },
    transport: { type: "string", default: "webtransport" },
    flush: { type: "string", default: "auto" },
    packet: { type: "string", default: "1350" },
    idle: { type: "boolean", default: false },
    processes: { type: "string", default: "1" },
    watchful: { type: "string", default: "40" },
    "rtp-payload": { type: "string" },
    "video-only": { type: "boolean", default: false },
    loss: { type: "string" },
    simulated: { type: "boolean", default: false },
    delay: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    "no-feedback": { type: "boolean", default: false },
    profile: { type: "string" },
    tls: { type: "boolean", default: false },
    // Of MoQ over WebSocket: QMux, or the package `@fails-components/webtransport`, which needs TLS.
    mapping: { type: "string", default: "qmux" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "fanout [--viewers 100,200,300] [--seconds 15] [--transport webtransport|quic|websocket] [--tls] [--mapping qmux|webtransport] [--flush auto|frame|<ms>] [--packet 1350] [--idle]\n" +
      "fanout --transport hls|flv [--viewers 100,200,300] [--seconds 15] [--processes 1] [--profile <folder>]\n" +
      "fanout --transport webrtc [--viewers 100,200,300] [--seconds 15] [--processes 1] [--watchful 40] [--video-only] [--rtp-payload 1188] [--no-feedback] [--profile <folder>]\n" +
      "fanout --transport webrtc --loss 0,1,2,5,10,20 [--delay 50] [--viewers 4] [--seconds 60] [--seed 1] [--simulated]",
  );
  process.exit(0);
}

const TRACKS = values.idle ? ["catalog.json"] : ["video", "audio"];
const FIRST_FRAMES = values.idle ? 0 : 10;
const isFails = values.transport === "websocket" && values.mapping === "webtransport";
const webSocket = isFails ? "websocket-fails" : "websocket";
const transport =
  values.transport === "websocket" ? webSocket : values.transport === "quic" ? "quic" : "webtransport";
const flushInterval = values.flush === "frame" ? "0" : values.flush;
/** Acknowledgements of all viewers go out at this interval: about as many as browsers send. */
const VIEWER_FLUSH_MS = 10;
/** Handshakes under way at one time. */
const CONNECT_TOGETHER = 10;
const seconds = Number(values.seconds);
const steps = values.viewers.split(",").map(Number);
/** Time for congestion windows, compiled code and heaps to settle: with 300 viewers round trips take that long to fall. */
const SETTLE_MS = 9_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sum over all labels of one metric. */
function sum(metrics: ReadonlyMap<string, number>, name: string): number {
  let total = 0;
  for (const [key, value] of metrics) if (key === name || key.startsWith(`${name}{`)) total += value;
  return total;
}

function bytesOf(viewers: readonly MoqViewer[]): number {
  return viewers.reduce((total, viewer) => total + viewer.view(TRACKS[0] ?? "").bytes, 0);
}

async function measureMoqFanout(): Promise<void> {
  await using tree = await startPinnedTree({
    edgeArgs: [
      ...["--flush-interval", flushInterval, "--max-packet-size", values.packet],
      ...(isFails ? ["--webtransport-over-websocket"] : []),
    ],
    profileFolder: values.profile,
    tls: values.tls,
  });
  const { edge, edgeUrl } = tree;

  const rows: Row[] = [];
  const viewers: MoqViewer[] = [];
  const ages = new Samples();
  const onFrame = (track: string, _sequence: number, frame: { readonly timestamp: number }): void => {
    if (track === "video") ages.add(performance.timeOrigin + performance.now() - frame.timestamp / 1000);
  };
  const loop = new QuicLoop({ flush: VIEWER_FLUSH_MS });
  const options = { url: edgeUrl, broadcast: BROADCAST, tracks: TRACKS, transport, onFrame, loop } as const;
  let previous = { residentBytes: readProcessUsage(edge.pid).residentBytes, viewers: 0 };
  for (const wanted of steps) {
    while (viewers.length < wanted) {
      const together = Math.min(CONNECT_TOGETHER, wanted - viewers.length);
      const opened = Array.from({ length: together }, () => MoqViewer.connect(options));
      viewers.push(...(await Promise.all(opened)));
    }
    await waitFor(
      "every viewer's first frames",
      () => viewers.every((viewer) => viewer.view(TRACKS[0] ?? "").frames >= FIRST_FRAMES),
      60_000,
    );
    await sleep(SETTLE_MS);

    ages.clear();
    const startedAt = performance.now();
    const edgeBefore = readProcessUsage(edge.pid);
    const ownBefore = process.cpuUsage();
    const metricsBefore = await scrapeMetrics(edgeUrl);
    const bytesBefore = bytesOf(viewers);
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const edgeAfter = readProcessUsage(edge.pid);
    const own = process.cpuUsage(ownBefore);
    const metricsAfter = await scrapeMetrics(edgeUrl);
    const bytes = bytesOf(viewers) - bytesBefore;

    const grown = (name: string): number => sum(metricsAfter, name) - sum(metricsBefore, name);
    const cores = (edgeAfter.cpuSeconds - edgeBefore.cpuSeconds) / elapsedSeconds;
    rows.push({
      viewers: viewers.length,
      "edge CPU %": cores * 100,
      "CPU % per viewer": (cores * 100) / viewers.length,
      "viewers per core": Math.round(viewers.length / cores),
      "µs per packet": ((cores * elapsedSeconds) / grown("canopy_sent_packets_total")) * 1e6,
      "packets/s per viewer": grown("canopy_sent_packets_total") / elapsedSeconds / viewers.length,
      "KB per added session":
        (edgeAfter.residentBytes - previous.residentBytes) / 1000 / (viewers.length - previous.viewers),
      "Mbit/s per viewer": (bytes * 8) / 1e6 / elapsedSeconds / viewers.length,
      "age p50 ms": ages.percentile(0.5),
      "age p99 ms": ages.percentile(0.99),
      "groups dropped": grown("canopy_groups_dropped_total"),
      "packets lost": grown("canopy_lost_packets_total"),
      "flush ms": (metricsAfter.get("canopy_flush_interval_seconds") ?? 0) * 1000,
      "viewers' CPU %": ((own.user + own.system) / 1e6 / elapsedSeconds) * 100,
    });
    previous = { residentBytes: edgeAfter.residentBytes, viewers: viewers.length };
  }
  for (const viewer of viewers) viewer.close();
  const carrier = values.tls ? `${transport} tls` : transport;
  const name = values.idle ? `fanout ${carrier} idle` : `fanout ${carrier} ${values.flush}`;
  const circumstances = {
    tls: values.tls,
    seconds,
    bitrate: "1.5 Mbit/s",
    fps: 30,
    transport,
    flushInterval,
  };
  report(name, rows, { ...circumstances, maxPacketBytes: Number(values.packet), load: loadavg() });
}

if (isWhepLoadProcess()) {
  await runWhepLoadProcess();
} else if (isHttpLoadProcess()) {
  await runHttpLoadProcess();
} else if (values.transport === "hls" || values.transport === "flv") {
  await measureHttpFanout({
    kind: values.transport,
    steps,
    seconds,
    processes: Number(values.processes),
    profileFolder: values.profile,
  });
} else if (values.transport !== "webrtc") {
  await measureMoqFanout();
} else if (values.loss === undefined) {
  await measureWebRtcFanout({
    steps,
    seconds,
    processes: Number(values.processes),
    congestionFeedback: !values["no-feedback"],
    isVideoOnly: values["video-only"],
    maxPayloadBytes: values["rtp-payload"],
    watchful: Number(values.watchful),
    profileFolder: values.profile,
  });
} else {
  const measure = values.simulated ? measureSimulatedWhepLoss : measureWhepLoss;
  await measure({
    lossPercents: values.loss.split(",").map(Number),
    delayMs: Number(values.delay),
    seed: Number(values.seed),
    viewers: values.viewers === DEFAULT_VIEWERS ? LOSS_VIEWERS : Number(values.viewers),
    seconds: values.seconds === DEFAULT_SECONDS ? LOSS_SECONDS : seconds,
  });
}
process.exit(0);
