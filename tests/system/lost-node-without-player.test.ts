import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { watchFlv, watchHls } from "../harness/http-media.ts";
import { killNode } from "../harness/kill-node.ts";
import { startSmallPublisher } from "../harness/small-publisher.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WhepViewer } from "../harness/whep-viewer.ts";

// Viewers who do not know of the tree at all: what they have is an edge and a standard.

const BROADCAST = "live/a";
/** What was on its way when a process died is not from after that. */
const IN_FLIGHT_MS = 500;

let dev: CanopyDev;
let publisher: StartedProcess;
let edge: string;
let flv: ReturnType<typeof watchFlv>;
let hls: ReturnType<typeof watchHls>;
let whep: WhepViewer;
/** Media times of whole pictures, ms since the Unix epoch. */
const whepTimesMs: number[] = [];

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1 });
  publisher = startSmallPublisher(Number(new URL(dev.rtmp).port), BROADCAST);
  [edge = ""] = dev.edges;
  await waitFor("the edge to announce", async () => {
    return (await (await fetch(`${edge}/announced`)).text()).includes(BROADCAST);
  });
  flv = watchFlv(edge, BROADCAST);
  hls = watchHls(edge, BROADCAST);
  whep = await WhepViewer.connect({
    url: edge,
    broadcast: BROADCAST,
    kinds: ["video"],
    onFrame: (_kind, ageMs) => {
      if (ageMs !== undefined) whepTimesMs.push(Date.now() - ageMs);
    },
  });
}, 120_000);

afterAll(async () => {
  flv?.stop();
  hls?.stop();
  await whep?.close();
  await publisher?.stop();
  await dev?.stop();
});

async function playSince(sinceMs: number): Promise<void> {
  for (const [name, times] of [
    ["FLV", flv.timesMs],
    ["HLS", hls.timesMs],
    ["WHEP", whepTimesMs],
  ] as const) {
    await waitFor(
      () =>
        `ten pictures by ${name} from after then; the last is ${Math.round((times.at(-1) ?? 0) - sinceMs)} ms`,
      () => times.filter((timeMs) => timeMs > sinceMs).length >= 10,
      60_000,
    );
  }
}

/** Times that are not after the one before. */
function steps(timesMs: readonly number[]): number {
  return timesMs.filter((timeMs, index) => index > 0 && timeMs <= (timesMs[index - 1] ?? 0)).length;
}

function expectNothingTwice(): void {
  expect({ flv: steps(flv.timesMs), hls: steps(hls.timesMs) }).toEqual({ flv: 0, hls: 0 });
  const { plis, repeatedFrames } = whep.stats("video");
  // Whoever asks for a keyframe gets the group once more.
  if (plis === 0) expect(repeatedFrames).toBe(0);
}

describe("viewers by HLS, HTTP-FLV and WHEP", () => {
  it("go on, with nothing twice, when the relay that feeds their edge is killed", async () => {
    await playSince(0);
    const killedMs = await killNode(dev, "relay");
    await playSince(killedMs + IN_FLIGHT_MS);
    expectNothingTwice();
    expect([flv.connections, whep.state]).toEqual([1, "connected"]);
  });

  it("go on, with nothing twice, when the origin is killed and the publisher comes back to it", async () => {
    const killedMs = await killNode(dev, "origin");
    await playSince(killedMs + IN_FLIGHT_MS);
    expectNothingTwice();
    console.info(`FLV: ${flv.connections} connections; WHEP: ${whep.state}`);
  });
});
