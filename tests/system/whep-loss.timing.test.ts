import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { WhepViewer } from "../harness/whep-viewer.ts";

/** From an edge's HTTP port to the UDP port of its WebRTC media. */
const WEBRTC_PORT_OFFSET = 1_000;
const DELAY_MS = 50;
const SEED = 20_260;
const VIEWERS = 4;
const RUN_MS = 30_000;
/** The handshake and the first keyframe may take some repetitions. */
const SETTLE_MS = 3_000;

let dev: CanopyDev;

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

/** Lets some viewers watch behind a path that loses packets in both directions; what each of them saw. */
async function watch(lossRate: number): Promise<readonly Watched[]> {
  const edge = dev.edges[0] ?? "";
  const target = { host: "127.0.0.1", port: Number(new URL(edge).port) + WEBRTC_PORT_OFFSET };
  const link = { lossRate, delayMs: DELAY_MS };
  await using proxy = await UdpProxy.listen({ target, seed: SEED, toTarget: link, toClient: link });
  const viewers = await Promise.all(
    Array.from({ length: VIEWERS }, () => WhepViewer.connect({ url: edge, broadcast: "live/demo", proxy })),
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const before = viewers.map((viewer) => viewer.stats("video"));
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  const watched = viewers.map((viewer, index): Watched => {
    viewer.finish();
    const now = viewer.stats("video");
    const then = before[index] ?? now;
    return {
      frames: now.frames - then.frames,
      freezes: now.freezes - then.freezes,
      missed: now.missed - then.missed,
      recovered: now.recovered - then.recovered,
    };
  });
  await Promise.all(viewers.map((viewer) => viewer.close()));
  // The path did what it was asked to, and nothing went around it.
  const { toClient } = proxy.counters;
  expect(Math.abs(toClient.lost / toClient.packets - lossRate)).toBeLessThan(0.02);
  return watched;
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
