import { loadavg } from "node:os";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { WhepViewer } from "../harness/whep-viewer.ts";
import { BROADCAST, FRAMES_PER_SECOND, startPinnedTree } from "./pinned-tree.ts";
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

/** What WHEP viewers see behind a path that loses packets in both directions, one table row per loss rate. */
export async function measureWhepLoss(options: WhepLossOptions): Promise<void> {
  const { lossPercents, delayMs, seed, viewers: count, seconds } = options;
  await using tree = await startPinnedTree();
  const rows: Row[] = [];
  for (const lossPercent of lossPercents) {
    const target = { host: "127.0.0.1", port: tree.edgeWebRtcPort };
    await using proxy = await UdpProxy.listen({ target, seed, toTarget: { delayMs }, toClient: { delayMs } });
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
    await sleep(SETTLE_MS);
    const pathBefore = { ...proxy.counters.toClient };
    ages.clear();
    const before = total(viewers);
    const startedAt = performance.now();
    await sleep(seconds * 1000);
    for (const viewer of viewers) viewer.finish();
    const minutes = ((performance.now() - startedAt) / 60_000) * count;
    const after = total(viewers);
    const grown = (name: keyof Totals): number => after[name] - before[name];
    const { toClient } = proxy.counters;
    rows.push({
      "loss %": lossPercent,
      "lost to viewers %":
        ((toClient.lost - pathBefore.lost) * 100) / (toClient.packets - pathBefore.packets),
      "frames complete %": (grown("frames") * 100) / (FRAMES_PER_SECOND * 60 * minutes),
      "freezes/min": grown("freezes") / minutes,
      "longest pause ms": Math.max(...viewers.map((viewer) => viewer.stats("video").longestPauseMs)),
      "missed/min": grown("missed") / minutes,
      "NACKs/min": grown("nacks") / minutes,
      "sent again/min": grown("recovered") / minutes,
      "given up/min": grown("givenUp") / minutes,
      "PLIs/min": grown("plis") / minutes,
      "Mbit/s": (grown("bytes") * 8) / 1e6 / 60 / minutes,
      "age p50 ms": ages.percentile(0.5),
      "age p95 ms": ages.percentile(0.95),
      "age p99 ms": ages.percentile(0.99),
    });
    await Promise.all(viewers.map((viewer) => viewer.close()));
  }
  report("fanout webrtc loss", rows, { seconds, delayMs, seed, viewers: count, load: loadavg() });
}

const SUMMED = ["frames", "freezes", "missed", "nacks", "recovered", "givenUp", "plis", "bytes"] as const;
type Totals = Readonly<Record<(typeof SUMMED)[number], number>>;

function total(viewers: readonly WhepViewer[]): Totals {
  const stats = viewers.map((viewer) => viewer.stats("video"));
  return Object.fromEntries(
    SUMMED.map((name) => [name, stats.reduce((sum, one) => sum + one[name], 0)]),
  ) as Totals;
}
