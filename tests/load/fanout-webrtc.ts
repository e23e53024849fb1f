import { readFileSync } from "node:fs";
import { loadavg, setPriority } from "node:os";
import { BROADCAST, FRAMES_PER_SECOND, pinToOtherCores, startPinnedTree } from "./pinned-tree.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";
import { startWhepLoad, type WhepLoadTotals } from "./whep-load.ts";

export interface WebRtcFanoutOptions {
  /** Numbers of viewers, growing. */
  readonly steps: readonly number[];
  readonly seconds: number;
  /** Processes of viewers. */
  readonly processes: number;
  /** Viewers take part in congestion control, as browsers do. */
  readonly congestionFeedback: boolean;
  /** Leaves the sound out, which is a quarter of the packets. */
  readonly isVideoOnly: boolean;
  /** Largest RTP payload; the edge's own choice if undefined. */
  readonly maxPayloadBytes: string | undefined;
  /** Viewers that look at every packet; the figures per viewer are theirs. */
  readonly watchful: number;
  readonly profileFolder: string | undefined;
}

/** Time for the heap to settle before the measurement. */
const SETTLE_MS = 4_000;
const VIEWERS_NICE = 5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** N WHEP viewers of one edge, in the table of `fanout`. */
export async function measureWebRtcFanout(options: WebRtcFanoutOptions): Promise<void> {
  const { steps, seconds, processes, congestionFeedback, isVideoOnly, watchful, profileFolder } = options;
  const { maxPayloadBytes } = options;
  await using tree = await startPinnedTree({
    edgeArgs: maxPayloadBytes === undefined ? [] : ["--rtp-payload", maxPayloadBytes],
    profileFolder,
  });
  const { edge, edgeUrl } = tree;
  await using load = startWhepLoad({
    processes,
    viewer: {
      ...{ url: edgeUrl, broadcast: BROADCAST, congestionFeedback },
      kinds: isVideoOnly ? ["video"] : ["video", "audio"],
      watchful: Math.ceil(watchful / processes),
    },
    pin: (pid) => {
      pinToOtherCores(pid);
      // Origin and publisher share these cores, and must not be late for want of them.
      setPriority(pid, VIEWERS_NICE);
    },
  });
  const rows: Row[] = [];
  let previous = { residentBytes: readProcessUsage(edge.pid).residentBytes, viewers: 0 };
  for (const viewers of steps) {
    const joinStartedAt = performance.now();
    await load.add(viewers - previous.viewers);
    const joinSeconds = (performance.now() - joinStartedAt) / 1000;
    await sleep(SETTLE_MS);
    await load.clear();
    const startedAt = performance.now();
    const before = readProcessUsage(edge.pid);
    const dropsBefore = readUdpDrops();
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const after = readProcessUsage(edge.pid);
    const drops = readUdpDrops() - dropsBefore;
    const totals = await load.totals();
    const packetsPerSecond = totals.packets / elapsedSeconds / totals.watchful;
    const cores = (after.cpuSeconds - before.cpuSeconds) / elapsedSeconds;
    rows.push({
      viewers,
      "edge CPU %": cores * 100,
      "CPU % per viewer": (cores * 100) / viewers,
      "viewers per core": Math.round(viewers / cores),
      "µs per packet": (cores / (packetsPerSecond * viewers)) * 1e6,
      "packets/s per viewer": packetsPerSecond,
      "KB per added session":
        (after.residentBytes - previous.residentBytes) / 1000 / (viewers - previous.viewers),
      "Mbit/s per viewer": (totals.bytes * 8) / 1e6 / elapsedSeconds / totals.watchful,
      ...agesOf(totals),
      "frames %": (totals.frames * 100) / (FRAMES_PER_SECOND * elapsedSeconds * totals.watchful),
      "packets missed": totals.missed,
      recovered: totals.recovered,
      "kernel drops": drops,
      PLIs: totals.plis,
      "viewers' CPU %": (totals.cpuSeconds / elapsedSeconds) * 100,
      "joins/s": (viewers - previous.viewers) / joinSeconds,
    });
    previous = { residentBytes: after.residentBytes, viewers };
  }
  report(isVideoOnly ? "fanout webrtc video" : "fanout webrtc", rows, {
    ...{
      seconds,
      bitrate: "1.5 Mbit/s",
      fps: FRAMES_PER_SECOND,
      processes,
      watchful,
      congestionFeedback,
      maxPayloadBytes,
    },
    load: loadavg(),
  });
}

/** Packets that found a socket's buffer full, of the whole machine: the viewers' process had no time left. */
function readUdpDrops(): number {
  const [names = "", values = ""] = readFileSync("/proc/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Udp:"));
  return Number(values.split(" ")[names.split(" ").indexOf("RcvbufErrors")]);
}

/** Media time to arrival, of whole frames. */
export function agesOf(totals: WhepLoadTotals): Row {
  const ages = new Samples(Math.max(1, totals.ages.length));
  for (const age of totals.ages) ages.add(age);
  return { "age p50 ms": ages.percentile(0.5), "age p99 ms": ages.percentile(0.99) };
}
