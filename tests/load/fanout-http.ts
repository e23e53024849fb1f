import { loadavg } from "node:os";
import { startHttpLoad } from "./http-load.ts";
import { BROADCAST, FRAMES_PER_SECOND, pinToOtherCores, startPinnedTree } from "./pinned-tree.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

export interface HttpFanoutOptions {
  readonly kind: "hls" | "flv";
  /** Numbers of viewers, growing. */
  readonly steps: readonly number[];
  readonly seconds: number;
  /** Processes of viewers. */
  readonly processes: number;
  readonly profileFolder: string | undefined;
}

/** Time for the heap to settle before the measurement. */
const SETTLE_MS = 5_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** N viewers of one edge by low-latency HLS or by HTTP-FLV, in the table of `fanout`. */
export async function measureHttpFanout(options: HttpFanoutOptions): Promise<void> {
  const { kind, steps, seconds, processes, profileFolder } = options;
  await using tree = await startPinnedTree({ profileFolder });
  const { edge, edgeUrl } = tree;
  const path = kind === "hls" ? `/hls/${BROADCAST}/index.m3u8` : `/flv/${BROADCAST}.flv`;
  await using load = startHttpLoad({
    ...{ processes, pin: pinToOtherCores },
    viewer: { kind, url: `${edgeUrl}${path}` },
  });
  const rows: Row[] = [];
  let previous = { residentBytes: readProcessUsage(edge.pid).residentBytes, viewers: 0 };
  for (const viewers of steps) {
    await load.add(viewers - previous.viewers);
    await sleep(SETTLE_MS);
    await load.clear();
    const startedAt = performance.now();
    const before = readProcessUsage(edge.pid);
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const after = readProcessUsage(edge.pid);
    const totals = await load.totals();
    const cores = (after.cpuSeconds - before.cpuSeconds) / elapsedSeconds;
    const ages = new Samples(Math.max(1, totals.ages.length));
    for (const age of totals.ages) ages.add(age);
    rows.push({
      viewers,
      "edge CPU %": cores * 100,
      "CPU % per viewer": (cores * 100) / viewers,
      "viewers per core": Math.round(viewers / cores),
      "requests/s per viewer": totals.requests / elapsedSeconds / viewers,
      "KB per added session":
        (after.residentBytes - previous.residentBytes) / 1000 / (viewers - previous.viewers),
      "Mbit/s per viewer": (totals.bytes * 8) / 1e6 / elapsedSeconds / viewers,
      "age p50 ms": ages.percentile(0.5),
      "age p99 ms": ages.percentile(0.99),
      [kind === "hls" ? "parts/s per viewer" : "tags/s per viewer"]: totals.units / elapsedSeconds / viewers,
      failures: totals.failures,
      "viewers' CPU %": (totals.cpuSeconds / elapsedSeconds) * 100,
    });
    previous = { residentBytes: after.residentBytes, viewers };
  }
  report(`fanout ${kind}`, rows, {
    ...{ seconds, bitrate: "1.5 Mbit/s", fps: FRAMES_PER_SECOND, processes },
    load: loadavg(),
  });
}
