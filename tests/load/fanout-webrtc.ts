import { loadavg } from "node:os";
import { BROADCAST, FRAMES_PER_SECOND, pinToOtherCores, startPinnedTree } from "./pinned-tree.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";
import { WhepLoad, type WhepLoadTotals } from "./whep-load.ts";

export interface WebRtcFanoutOptions {
  /** Numbers of viewers, growing. */
  readonly steps: readonly number[];
  readonly seconds: number;
  /** Processes of viewers. */
  readonly processes: number;
  /** Viewers take part in congestion control, as browsers do. */
  readonly congestionFeedback: boolean;
  readonly profileFolder: string | undefined;
}

/** Time for the heap to settle before the measurement. */
const SETTLE_MS = 4_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** N WHEP viewers of one edge, in the table of `fanout`. */
export async function measureWebRtcFanout(options: WebRtcFanoutOptions): Promise<void> {
  const { steps, seconds, processes, congestionFeedback, profileFolder } = options;
  await using tree = await startPinnedTree({ profileFolder });
  const { edge, edgeUrl } = tree;
  await using load = new WhepLoad(
    processes,
    { url: edgeUrl, broadcast: BROADCAST, congestionFeedback },
    pinToOtherCores,
  );
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
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const after = readProcessUsage(edge.pid);
    const totals = await load.totals();
    const cores = (after.cpuSeconds - before.cpuSeconds) / elapsedSeconds;
    rows.push({
      viewers,
      "edge CPU %": cores * 100,
      "CPU % per viewer": (cores * 100) / viewers,
      "viewers per core": Math.round(viewers / cores),
      "µs per packet": ((cores * elapsedSeconds) / totals.packets) * 1e6,
      "packets/s per viewer": totals.packets / elapsedSeconds / viewers,
      "KB per added session":
        (after.residentBytes - previous.residentBytes) / 1000 / (viewers - previous.viewers),
      "Mbit/s per viewer": (totals.bytes * 8) / 1e6 / elapsedSeconds / viewers,
      ...agesOf(totals),
      "frames %": (totals.frames * 100) / (FRAMES_PER_SECOND * elapsedSeconds * viewers),
      "packets missed": totals.missed,
      recovered: totals.recovered,
      PLIs: totals.plis,
      "viewers' CPU %": (totals.cpuSeconds / elapsedSeconds) * 100,
      "joins/s": (viewers - previous.viewers) / joinSeconds,
    });
    previous = { residentBytes: after.residentBytes, viewers };
  }
  report("fanout webrtc", rows, {
    ...{ seconds, bitrate: "1.5 Mbit/s", fps: FRAMES_PER_SECOND, processes, congestionFeedback },
    load: loadavg(),
  });
}

/** Media time to arrival, of whole frames. */
export function agesOf(totals: WhepLoadTotals): Row {
  const ages = new Samples(Math.max(1, totals.ages.length));
  for (const age of totals.ages) ages.add(age);
  return { "age p50 ms": ages.percentile(0.5), "age p99 ms": ages.percentile(0.99) };
}
