import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { FREEZE_MS } from "../harness/rtp-reception.ts";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { ReceiverTicker, WhepViewer } from "../harness/whep-viewer.ts";

/** From an edge's HTTP port to the UDP port of its WebRTC media. */
const WEBRTC_PORT_OFFSET = 1_000;
const DELAY_MS = 50;
const SEED = 20_260;
/** What happens over minutes is seen on a clock of its own (`whep-loss-simulation`); here real sockets do the same. */
const VIEWERS = 12;
const RUN_MS = 10_000;
/** What was sent before the path became bad is through by then, and what was lost first has been asked for. */
const SETTLE_MS = 1_000;

const FRAME_MS = 1_000 / 30;

let dev: CanopyDev;
const ticker = new ReceiverTicker();

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1, broadcaster: true });
});

afterAll(async () => {
  await dev?.stop();
});

interface Watched {
  readonly frames: number;
  readonly freezes: number;
  readonly missed: number;
  readonly recovered: number;
}

/** When whole pictures came that can be shown, ms. */
type Shown = number[];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function connect(shown: Shown, proxy?: UdpProxy): Promise<WhepViewer> {
  return WhepViewer.connect({
    url: dev.edges[0] ?? "",
    broadcast: "live/demo",
    ticker,
    onFrame: (kind) => {
      if (kind === "video") shown.push(performance.now());
    },
    ...(proxy !== undefined && { proxy }),
  });
}

/**
 * Lets some viewers watch behind a path that loses packets in both directions; what each of them saw. One more comes
 * while it loses them.
 */
async function watch(lossRate: number): Promise<readonly Watched[]> {
  const edge = dev.edges[0] ?? "";
  const target = { host: "127.0.0.1", port: Number(new URL(edge).port) + WEBRTC_PORT_OFFSET };
  await using proxy = await UdpProxy.listen({ target, seed: SEED });
  const steady: Shown = [];
  const shown: readonly Shown[] = Array.from({ length: VIEWERS }, () => []);
  const beside = await connect(steady);
  const viewers = await Promise.all(shown.map((times) => connect(times, proxy)));
  await waitFor("a picture at every viewer", () => shown.every((times) => times.length > 0));

  const link = { lossRate, delayMs: DELAY_MS };
  proxy.setLink("toTarget", link);
  proxy.setLink("toClient", link);
  const { packets, lost } = proxy.counters.toClient;
  // A handshake that takes longer than the edge waits for it is begun anew, as players do.
  const joined: Shown = [];
  const joining = waitFor("one more viewer", () => connect(joined, proxy), 60_000);
  await sleep(SETTLE_MS);
  const sinceMs = performance.now();
  const before = viewers.map((viewer) => viewer.stats("video"));
  await sleep(RUN_MS);
  for (const times of [steady, ...shown]) times.push(performance.now());
  const watched = viewers.map((viewer, index): Watched => {
    const now = viewer.stats("video");
    const then = before[index] ?? now;
    return {
      frames: now.frames - then.frames,
      freezes: countFreezes(shown[index] ?? [], steady, sinceMs),
      missed: now.missed - then.missed,
      recovered: now.recovered - then.recovered,
    };
  });
  const late = await joining;
  await waitFor("pictures at the one who came later", () => joined.length > 30);
  await Promise.all([beside, late, ...viewers].map((viewer) => viewer.close()));
  // The path did what it was asked to, and nothing went around it.
  const { toClient } = proxy.counters;
  expect(Math.abs((toClient.lost - lost) / (toClient.packets - packets) - lossRate)).toBeLessThan(0.02);
  return watched;
}

/**
 * How often a picture stood for half a second. Not what the machine stood still for: that is seen by the viewer beside
 * them whose path loses nothing.
 */
function countFreezes(shown: Shown, steady: Shown, sinceMs: number): number {
  return gaps(shown).filter(([fromMs, toMs]) => {
    if (toMs < sinceMs || toMs - fromMs <= FREEZE_MS) return false;
    const forAllMs = gaps(steady).reduce(
      (longest, [from, to]) => Math.max(longest, Math.min(to, toMs) - Math.max(from, fromMs)),
      FRAME_MS,
    );
    return toMs - fromMs - (forAllMs - FRAME_MS) > FREEZE_MS;
  }).length;
}

function gaps(shown: Shown): [fromMs: number, toMs: number][] {
  return shown.slice(1).map((toMs, index) => [shown[index] ?? toMs, toMs]);
}

const total = (watched: readonly Watched[], name: keyof Watched): number =>
  watched.reduce((sum, one) => sum + one[name], 0);

/** All viewers' time together. */
const MINUTES = (VIEWERS * RUN_MS) / 60_000;

describe("WHEP behind a path with 50 ms of delay", () => {
  it.concurrent("freezes less than once a minute at 5 % loss", async () => {
    const watched = await watch(0.05);
    expect(total(watched, "missed")).toBeGreaterThan(100);
    expect(total(watched, "recovered") / total(watched, "missed")).toBeGreaterThan(0.95);
    expect(total(watched, "freezes") / MINUTES, JSON.stringify(watched)).toBeLessThan(1);
    for (const { frames } of watched) expect(frames).toBeGreaterThan((RUN_MS / 1000) * 20);
  });

  it.concurrent("still plays at 10 % loss", async () => {
    for (const { frames } of await watch(0.1)) expect(frames).toBeGreaterThan((RUN_MS / 1000) * 15);
  });
});
