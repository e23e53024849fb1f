import { loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { LinkCounters } from "../harness/link-model.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { simulateWhepLoss, type WhepLossResult } from "../harness/simulate-whep-loss.ts";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { WhepViewer } from "../harness/whep-viewer.ts";
import { BROADCAST, FRAMES_PER_SECOND, type PinnedTree, startPinnedTree } from "./pinned-tree.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

export interface WhepLossOptions {
  readonly lossPercents: readonly number[];
  /** In each direction. */
  readonly delayMs: number;
  readonly seed: number;
  readonly viewers: number;
  readonly seconds: number;
}

/** Until the viewers' requests have found their rhythm. */
const SETTLE_MS = 3_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The viewers of one loss rate, behind a path of their own. */
class LossyAudience {
  readonly #lossPercent: number;
  readonly #proxy: UdpProxy;
  readonly #viewers: readonly WhepViewer[];
  readonly #ages: Samples;
  #before: Totals;
  #pathBefore: LinkCounters;

  private constructor(lossPercent: number, proxy: UdpProxy, viewers: readonly WhepViewer[], ages: Samples) {
    this.#lossPercent = lossPercent;
    this.#proxy = proxy;
    this.#viewers = viewers;
    this.#ages = ages;
    this.#before = total(viewers);
    this.#pathBefore = proxy.counters.toClient;
  }

  static async open(tree: PinnedTree, lossPercent: number, options: WhepLossOptions): Promise<LossyAudience> {
    const { delayMs, seed, viewers: count } = options;
    const target = { host: "127.0.0.1", port: tree.edgeWebRtcPort };
    const proxy = await UdpProxy.listen({ target, seed, toTarget: { delayMs }, toClient: { delayMs } });
    const ages = new Samples();
    const viewers = await Promise.all(
      Array.from({ length: count }, () =>
        WhepViewer.connect({
          ...{ url: tree.edgeUrl, broadcast: BROADCAST, proxy },
          onFrame: (kind, ageMs) => {
            if (kind === "video" && ageMs !== undefined) ages.add(ageMs);
          },
        }),
      ),
    );
    // From here on: lost handshakes are repeated after seconds, which is not what is measured.
    const lossRate = lossPercent / 100;
    proxy.setLink("toTarget", { lossRate });
    proxy.setLink("toClient", { lossRate });
    return new LossyAudience(lossPercent, proxy, viewers, ages);
  }

  begin(): void {
    this.#pathBefore = { ...this.#proxy.counters.toClient };
    this.#ages.clear();
    for (const viewer of this.#viewers) viewer.forgetPauses();
    this.#before = total(this.#viewers);
  }

  row(seconds: number): Row {
    for (const viewer of this.#viewers) viewer.finish();
    const minutes = (seconds / 60) * this.#viewers.length;
    const after = total(this.#viewers);
    const grown = (name: keyof Totals): number => after[name] - this.#before[name];
    const { toClient } = this.#proxy.counters;
    const { lost, packets } = this.#pathBefore;
    const ages = this.#ages;
    return {
      "loss %": this.#lossPercent,
      "lost to viewers %": ((toClient.lost - lost) * 100) / (toClient.packets - packets),
      "frames complete %": (grown("frames") * 100) / (FRAMES_PER_SECOND * 60 * minutes),
      "freezes/min": grown("freezes") / minutes,
      "longest pause ms": Math.max(...this.#viewers.map((viewer) => viewer.stats("video").longestPauseMs)),
      "missed/min": grown("missed") / minutes,
      "NACKs/min": grown("nacks") / minutes,
      "sent again/min": grown("recovered") / minutes,
      "given up/min": grown("givenUp") / minutes,
      "PLIs/min": grown("plis") / minutes,
      "Mbit/s": (grown("bytes") * 8) / 1e6 / 60 / minutes,
      "age p50 ms": ages.percentile(0.5),
      "age p95 ms": ages.percentile(0.95),
      "age p99 ms": ages.percentile(0.99),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#viewers.map((viewer) => viewer.close()));
    await this.#proxy.close();
  }
}

/**
 * What WHEP viewers see behind a path that loses packets in both directions, one table row per loss rate. All watch at
 * the same time, so that a moment in which the machine does something else is in every row, and the row without loss
 * says how many there were.
 */
export async function measureWhepLoss(options: WhepLossOptions): Promise<void> {
  const { lossPercents, delayMs, seed, viewers: count, seconds } = options;
  await using tree = await startPinnedTree();
  const audiences: LossyAudience[] = [];
  try {
    for (const lossPercent of lossPercents)
      audiences.push(await LossyAudience.open(tree, lossPercent, options));
    await sleep(SETTLE_MS);
    for (const audience of audiences) audience.begin();
    const edgeBefore = await scrapeMetrics(tree.edgeUrl);
    const standstill = monitorEventLoopDelay({ resolution: 10 });
    standstill.enable();
    const startedAt = performance.now();
    await sleep(seconds * 1000);
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    standstill.disable();
    const edgeAfter = await scrapeMetrics(tree.edgeUrl);
    for (const name of EDGE_COUNTERS)
      console.log(`${name}: ${(edgeAfter.get(name) ?? 0) - (edgeBefore.get(name) ?? 0)}`);
    const rows = audiences.map((audience) => audience.row(elapsedSeconds));
    const circumstances = { seconds, delayMs, seed, viewers: count, load: loadavg() };
    // Of the process that is path and viewers.
    const longestStandstillMs = standstill.max / 1e6;
    console.log(`longest standstill of path and viewers: ${longestStandstillMs.toFixed(0)} ms`);
    report("fanout webrtc loss", rows, { ...circumstances, longestStandstillMs });
  } finally {
    for (const audience of audiences) await audience.close();
  }
}

/**
 * The same on a clock of its own, without sockets: what the path alone does to a viewer, on a machine that is always
 * there. Each viewer has a seed of his own.
 */
export function measureSimulatedWhepLoss(options: WhepLossOptions): void {
  const { lossPercents, delayMs, seed, viewers, seconds } = options;
  const rows = lossPercents.map((lossPercent): Row => {
    const results = Array.from({ length: viewers }, (_value, index) =>
      simulateWhepLoss({ lossRate: lossPercent / 100, delayMs, seed: seed + index, minutes: seconds / 60 }),
    );
    const minutes = (seconds / 60) * viewers;
    const sum = (read: (result: WhepLossResult) => number): number =>
      results.reduce((all, result) => all + read(result), 0);
    const agesMs = results.flatMap((result) => result.agesMs).sort((a, b) => a - b);
    const age = (share: number): number => agesMs[Math.floor((agesMs.length - 1) * share)] ?? Number.NaN;
    return {
      "loss %": lossPercent,
      "frames complete %": (sum(({ frames }) => frames) * 100) / (FRAMES_PER_SECOND * 60 * minutes),
      "freezes/min": sum(({ freezes }) => freezes) / minutes,
      "longest pause ms": Math.max(...results.map(({ longestPauseMs }) => longestPauseMs)),
      "missed/min": sum(({ missed }) => missed) / minutes,
      "given up/min": sum(({ givenUp }) => givenUp) / minutes,
      "PLIs/min": sum(({ plis }) => plis) / minutes,
      "sent again per missed":
        sum(({ sentAgain }) => sentAgain) /
        Math.max(
          1,
          sum(({ missed }) => missed),
        ),
      "age p50 ms": age(0.5),
      "age p95 ms": age(0.95),
      "age p99 ms": age(0.99),
    };
  });
  report("fanout webrtc loss simulated", rows, { seconds, delayMs, seed, viewers });
}

/** Of all viewers together. */
const EDGE_COUNTERS = [
  "canopy_webrtc_retransmitted_packets_total",
  'canopy_webrtc_refused_packets_total{reason="nack"}',
  "canopy_webrtc_restarts_total",
  "canopy_webrtc_rendition_changes_total",
];

const SUMMED = ["frames", "freezes", "missed", "nacks", "recovered", "givenUp", "plis", "bytes"] as const;
type Totals = Readonly<Record<(typeof SUMMED)[number], number>>;

function total(viewers: readonly WhepViewer[]): Totals {
  const stats = viewers.map((viewer) => viewer.stats("video"));
  return Object.fromEntries(
    SUMMED.map((name) => [name, stats.reduce((sum, one) => sum + one[name], 0)]),
  ) as Totals;
}
