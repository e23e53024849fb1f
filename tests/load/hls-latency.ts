import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openViewer, USUAL_VIEWPORT } from "../harness/browser-viewer.ts";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { startProcess } from "../harness/child-process.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { openMediaPage } from "../harness/media-page.ts";
import { waitFor } from "../harness/wait-for.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

// Capture to painted frame with hls.js in Chromium, by the clock that the broadcaster draws into the picture; at the
// last edge of the tree. Low latency with its own catch-up on, classic HLS for comparison, and hls.js inside
// <canopy-player>, whose own control keeps the distance.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    // Until hls.js has caught up with its own target.
    settle: { type: "string", default: "20" },
    // Of the picture; one that the machine decodes with ease shows the protocol's share alone.
    size: { type: "string", default: "1280x720" },
    modes: { type: "string", default: "low-latency,classic,player" },
  },
});
const seconds = Number(values.seconds);
const settleMs = Number(values.settle) * 1_000;
const BROADCAST = "live/measured";
const [width = "1280", height = "720"] = values.size.split("x");
/** Long runs are looked at in parts, so that a part that is late shows. */
const WINDOW_MS = 10_000;
/** What low-latency HLS is to stay below. */
const BUDGET_MS = 1_500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface WatchedPage {
  takeShown(): Promise<readonly { readonly captureMs: number; readonly seenMs: number }[]>;
  state(): Promise<{
    readonly targetMs: number;
    readonly latencyMs: number;
    readonly bufferedMs: number;
    readonly dropped: number;
    readonly stalls: number;
    readonly errors: readonly string[];
  }>;
  close(): Promise<void>;
}

async function openHlsJs(chromium: TestChromium, url: string, mode: string): Promise<WatchedPage> {
  const page = await openMediaPage(chromium, { kind: "hls", url, lowLatency: mode !== "classic" });
  return {
    takeShown: page.takeShown,
    state: async () => {
      const { targetSeconds, latencySeconds, bufferedSeconds, framesDropped, stalls, errors } =
        await page.state();
      return {
        targetMs: targetSeconds * 1_000,
        latencyMs: latencySeconds * 1_000,
        bufferedMs: bufferedSeconds * 1_000,
        dropped: framesDropped,
        stalls,
        errors,
      };
    },
    close: page.close,
  };
}

async function openPlayer(chromium: TestChromium, dev: CanopyDev): Promise<WatchedPage> {
  const viewer = await openViewer(chromium, {
    console: dev.console,
    src: dev.edges,
    broadcast: BROADCAST,
    viewport: USUAL_VIEWPORT,
    query: { transports: "hls" },
  });
  return {
    takeShown: viewer.takePainted,
    state: async () => {
      const { targetLatencyMs, latencyMs = 0, bufferMs, droppedFrames, stalls } = await viewer.stats();
      return {
        targetMs: targetLatencyMs,
        latencyMs,
        bufferedMs: bufferMs,
        dropped: droppedFrames,
        stalls,
        errors: viewer.errors,
      };
    },
    close: viewer.close,
  };
}

async function main(): Promise<void> {
  await using dev = await startCanopyDev({ edges: 1 });
  const target = `${dev.rtmp}/${BROADCAST}`;
  const picture = ["--width", width, "--height", height];
  await using _ = startProcess(process.execPath, [
    CANOPY_COMMAND,
    "broadcast",
    "test",
    ...["--to", target, ...picture],
  ]);
  await using chromium = await launchChromium();
  const url = `${dev.edges[0]}/hls/${BROADCAST}/index.m3u8`;
  await waitFor("the broadcast", async () => (await fetch(url)).ok);
  const rows: Row[] = [];
  for (const mode of values.modes.split(",")) {
    const startedAt = performance.now();
    const page = mode === "player" ? await openPlayer(chromium, dev) : await openHlsJs(chromium, url, mode);
    await waitFor("a picture", async () => (await page.takeShown()).length > 0, 60_000);
    const joinMs = performance.now() - startedAt;
    await sleep(settleMs);
    await page.takeShown();
    const before = await page.state();
    const latencies = new Samples();
    let worstMs = 0;
    let late = 0;
    let windows = 0;
    const endMs = performance.now() + seconds * 1_000;
    for (let leftMs = seconds * 1_000; leftMs > 0; leftMs = endMs - performance.now()) {
      await sleep(Math.min(WINDOW_MS, leftMs));
      const part = new Samples();
      for (const { captureMs, seenMs } of await page.takeShown()) {
        part.add(seenMs - captureMs);
        latencies.add(seenMs - captureMs);
      }
      const medianMs = part.count === 0 ? Number.POSITIVE_INFINITY : part.percentile(0.5);
      worstMs = Math.max(worstMs, medianMs);
      windows += 1;
      if (medianMs > BUDGET_MS) late += 1;
    }
    const after = await page.state();
    rows.push({
      mode,
      "join ms": joinMs,
      frames: latencies.count,
      "p50 ms": latencies.percentile(0.5),
      "p95 ms": latencies.percentile(0.95),
      "p99 ms": latencies.percentile(0.99),
      "worst p50 of 10 s": worstMs,
      [`10 s over ${BUDGET_MS} ms`]: `${late} of ${windows}`,
      "target ms": after.targetMs,
      "told latency ms": after.latencyMs,
      "buffered ms": after.bufferedMs,
      dropped: after.dropped - before.dropped,
      stalls: after.stalls - before.stalls,
      "stalls at start": before.stalls,
      errors: [...new Set(after.errors)].join(" "),
    });
    await page.close();
  }
  report("hls-latency", rows, {
    seconds,
    size: values.size,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  });
}

await main();
process.exit(0);
