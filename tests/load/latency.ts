import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openViewer, USUAL_VIEWPORT } from "../harness/browser-viewer.ts";
import { startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium } from "../harness/chromium.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { waitFor } from "../harness/wait-for.ts";
import { openWhipPage } from "../harness/whip-page.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

// Capture to painted frame in Chromium through 1, 2 and 3 hops, by the clock that the broadcaster draws into the
// picture; and what each hop adds, by the arrival of the very same frames at three viewers without a screen.
// `--publish whip`: another Chromium draws the clock and publishes it by WHIP, so that its capture and its encoder
// count. `--play whep`: the player plays by WHEP, which only edges serve.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    // Wished latencies, ms, separated by commas; "default" leaves the choice to the player.
    latency: { type: "string", default: "default,80" },
    publish: { type: "string", default: "rtmp" },
    play: { type: "string", default: "moq" },
    // Of the picture that is published by WHIP.
    size: { type: "string", default: "1280x720" },
  },
});
const seconds = Number(values.seconds);
const { publish, play } = values;
if (!["rtmp", "whip"].includes(publish)) throw new Error(`--publish is rtmp or whip, not ${publish}`);
if (!["moq", "whep"].includes(play)) throw new Error(`--play is moq or whep, not ${play}`);
const BROADCAST = publish === "whip" ? "live/camera" : "live/demo";
const FRAMES_PER_SECOND = 30;
const BITS_PER_SECOND = 1_500_000;
/** The player's target settles within this. */
const SETTLE_MS = 5_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Arrival of each frame (by media time) at one node's viewer, ms. */
async function watchArrivals(url: string): Promise<{ viewer: MoqViewer; arrivals: Map<number, number> }> {
  const arrivals = new Map<number, number>();
  const viewer = await MoqViewer.connect({
    url,
    broadcast: BROADCAST,
    tracks: ["video"],
    onFrame: (_track, _sequence, frame) => arrivals.set(frame.timestamp, performance.now()),
  });
  return { viewer, arrivals };
}

/** Publishes the clock by WHIP in a browser of its own, so that it does not share the viewer's processes. */
async function publishByWhip(origin: string): Promise<AsyncDisposable> {
  const [width = 0, height = 0] = values.size.split("x").map(Number);
  const chromium = await launchChromium();
  try {
    const picture = { width, height, framesPerSecond: FRAMES_PER_SECOND, bitsPerSecond: BITS_PER_SECOND };
    const page = await openWhipPage(chromium, { url: origin, broadcast: BROADCAST, ...picture });
    await waitFor("encoded frames", async () => (await page.framesEncoded()) > FRAMES_PER_SECOND);
  } catch (error) {
    await chromium.close();
    throw error;
  }
  return chromium;
}

async function main(): Promise<void> {
  await using dev = await startCanopyDev({ edges: 1, broadcaster: publish === "rtmp" });
  await using _publisher = publish === "whip" ? await publishByWhip(dev.origin) : undefined;
  const edge = dev.edges[0] ?? "";
  const hops: readonly (readonly [string, string])[] = [
    ["1 (origin)", dev.origin],
    ["2 (origin, relay)", dev.relay],
    ["3 (origin, relay, edge)", edge],
  ];
  const played = play === "whep" ? hops.slice(-1) : hops;

  const rows: Row[] = [];
  {
    await using chromium = await launchChromium();
    const runs = values.latency
      .split(",")
      .flatMap((wish) => played.map(([name, src]) => ({ wish, name, src })));
    for (const { wish, name, src } of runs) {
      const viewer = await openViewer(chromium, {
        console: dev.console,
        src: [src],
        broadcast: BROADCAST,
        viewport: USUAL_VIEWPORT,
        query: {
          ...(wish === "default" ? {} : { latency: wish }),
          ...(play === "whep" ? { transports: "whep" } : {}),
        },
      });
      await viewer.presents(30);
      await sleep(SETTLE_MS);
      await viewer.takePainted();
      const { droppedFrames, stalls } = await viewer.stats();
      await sleep(seconds * 1000);
      const latencies = new Samples();
      for (const { captureMs, seenMs } of await viewer.takePainted()) latencies.add(seenMs - captureMs);
      const stats = await viewer.stats();
      rows.push({
        "wished ms": wish,
        hops: name,
        frames: latencies.count,
        "p50 ms": latencies.percentile(0.5),
        "p95 ms": latencies.percentile(0.95),
        "p99 ms": latencies.percentile(0.99),
        "player target ms": stats.targetLatencyMs,
        dropped: stats.droppedFrames - droppedFrames,
        stalls: stats.stalls - stalls,
      });
      await viewer.close();
    }
  }
  const name = publish === "rtmp" && play === "moq" ? "latency" : `latency ${publish} ${play}`;
  report(name, rows, { seconds, load: loadavg().map((load) => Math.round(load * 10) / 10) });

  const watched = [];
  for (const [, url] of hops) watched.push(await watchArrivals(url));
  await sleep(seconds * 1000);
  const hopRows: Row[] = [];
  for (const [index, name] of ["origin → relay", "relay → edge"].entries()) {
    const added = new Samples();
    for (const [timestamp, arrivedAt] of watched[index + 1]?.arrivals ?? []) {
      const before = watched[index]?.arrivals.get(timestamp);
      if (before !== undefined) added.add(arrivedAt - before);
    }
    hopRows.push({
      hop: name,
      frames: added.count,
      "p50 ms": added.percentile(0.5),
      "p95 ms": added.percentile(0.95),
      "p99 ms": added.percentile(0.99),
    });
  }
  for (const { viewer } of watched) viewer.close();
  report(`${name} per hop`, hopRows, { seconds });
}

await main();
process.exit(0);
