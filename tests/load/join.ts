import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openViewer, USUAL_VIEWPORT } from "../harness/browser-viewer.ts";
import { startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { report } from "./report.ts";
import { Samples } from "./samples.ts";

// How long a viewer waits: from navigation to the first painted frame in Chromium, each time in a new context.

const { values } = parseArgs({
  options: {
    joins: { type: "string", default: "30" },
    // One of the player's, such as whep; its own choice unless said otherwise.
    transport: { type: "string" },
  },
});
const joins = Number(values.joins);
/** Joins fall at different places in the group: a prime number of ms apart. */
const PAUSE_MS = 373;

/** Most joins take less. */
const JOIN_MS = 1_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function main(): Promise<void> {
  await using dev = await startCanopyDev({ edges: 1, broadcaster: true });
  await using chromium = await launchChromium();
  const navigation = new Samples();
  const play = new Samples();
  // The first one warms the page server and the browser's caches.
  for (let index = -1; index < joins; index++) {
    const viewer = await openViewer(chromium, {
      console: dev.console,
      src: dev.edges,
      broadcast: "live/demo",
      viewport: USUAL_VIEWPORT,
      query: values.transport === undefined ? {} : { transports: values.transport },
    });
    // Looked for seldom: every look takes time from the page that is joining.
    await sleep(JOIN_MS);
    const first = await waitFor("the first painted frame", async () => (await viewer.takePainted())[0]);
    const navigatedAt = await viewer.page.evaluate(() => performance.timeOrigin);
    const { joinMs } = await viewer.stats();
    if (index >= 0) {
      navigation.add(first.seenMs - navigatedAt);
      if (joinMs !== undefined) play.add(joinMs);
    }
    await viewer.close();
    await sleep(PAUSE_MS);
  }
  const row = (what: string, samples: Samples) => ({
    what,
    joins: samples.count,
    "p50 ms": samples.percentile(0.5),
    "p95 ms": samples.percentile(0.95),
    "max ms": samples.percentile(1),
  });
  const name = values.transport === undefined ? "join" : `join ${values.transport}`;
  report(name, [row("navigation → painted", navigation), row("play() → presented", play)], {
    joins,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  });
}

await main();
process.exit(0);
