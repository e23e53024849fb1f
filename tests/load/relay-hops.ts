/**
 * What the tiers add: origin ◀ relay ◀ edge over real QUIC on loopback, with viewers at each tier, all in one process.
 * Prints the time from a frame's capture to its arrival at the viewers of each tier, then stops the relay and prints
 * how long the edge's viewers were without frames: `npm run bench -- relay-hops [viewers]`.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { forwardEvents, MoqSession } from "@canopy/protocol";
import { RelayNode, StaticParents } from "@canopy/relay";
import { createClock, createSilentLogger, type SessionScope } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import {
  connectQuic,
  createDevelopmentCertificate,
  listenQuic,
  QuicLoop,
  type QuicServer,
} from "@canopy/transport/quic";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

const VIDEO_FPS = 30;
const GOP_FRAMES = 60;
const FRAME_BYTES = 6_250;
const MEASURED_SECONDS = 10;
const ALPN = ["moq-lite-05"];
const HOST = "127.0.0.1";
const OPEN: SessionScope = { root: "", put: [], get: [""] };

const viewersPerTier = Number(process.argv[2] ?? 10);
const clock = createClock();
const logger = createSilentLogger();
const deps = { logger, loop: new QuicLoop() };
const tls = await createDevelopmentCertificate([HOST]);

interface RunningNode {
  readonly node: RelayNode;
  readonly server: QuicServer;
  readonly url: string;
}

function connect(url: string): Promise<Session> {
  const { port } = new URL(url);
  return connectQuic(
    { host: HOST, port: Number(port), alpn: ALPN, verify: { sha256: [tls.sha256Hex] } },
    deps,
  );
}

async function startNode(name: string, parents: readonly string[]): Promise<RunningNode> {
  const tree =
    parents.length === 0
      ? {}
      : {
          parents: new StaticParents(parents),
          connect: (parent: { readonly url: string }) => connect(parent.url),
        };
  const node = new RelayNode({ name }, { clock, logger, ...tree });
  const server = await listenQuic(
    { host: HOST, port: 0, tls, alpn: ALPN },
    {
      onRequest: () => ({ accept: true, protocol: ALPN[0] ?? "" }),
      onSession: (session) => node.acceptSession(session, OPEN),
    },
    deps,
  );
  node.start();
  return { node, server, url: `https://${HOST}:${server.address.port}` };
}

class Viewer {
  readonly sequences = new Set<number>();
  groups = 0;
  frames = 0;
  aborted = 0;
  lastArrivalMs = 0;
  longestGapMs = 0;
  lost = false;

  constructor(session: Session, latencyMs: Samples) {
    const nothing = (): void => {};
    const moq = new MoqSession(
      { wire: session, role: "client", originId: 1 + Math.floor(Math.random() * 2 ** 40) },
      {
        onReady: nothing,
        onPeerSetup: nothing,
        onAnnounceRequest: (request) => request.reject(17),
        onTrackInfoRequest: (request) => request.reject(17),
        onSubscribe: (request) => request.reject(17),
        onFetch: (request) => request.reject(17),
        onProbe: nothing,
        onGoaway: nothing,
        onDatagramFrame: nothing,
      },
    );
    session.handler = forwardEvents(moq, () => {
      this.lost = true;
    });
    const options = {
      priority: 60,
      ordered: false,
      maxLatencyMs: 0,
      startGroup: undefined,
      endGroup: undefined,
    };
    moq.subscribe("live/demo", "video", options, {
      onInfo: nothing,
      onDropped: nothing,
      onClosed: () => {
        this.lost = true;
      },
      onGroup: (group) => {
        this.groups += 1;
        this.sequences.add(group.sequence);
        group.listener = {
          onFrame: (frame) => {
            this.frames += 1;
            latencyMs.add((clock.nowUs() - frame.timestamp) / 1_000);
            const nowMs = performance.now();
            if (this.lastArrivalMs > 0)
              this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.lastArrivalMs);
            this.lastArrivalMs = nowMs;
          },
          onEnd: nothing,
          onAborted: () => {
            this.aborted += 1;
          },
        };
      },
    });
  }
}

async function addViewers(url: string, latencyMs: Samples): Promise<Viewer[]> {
  const viewers: Viewer[] = [];
  for (let count = 0; count < viewersPerTier; count += 1)
    viewers.push(new Viewer(await connect(url), latencyMs));
  return viewers;
}

const origin = await startNode("origin", []);
const relay = await startNode("relay", [origin.url]);
const spare = await startNode("relay 2", [origin.url]);
const edge = await startNode("edge", [relay.url, spare.url]);

const track = origin.node.store
  .publish("live/demo")
  .createTrack("video", { priority: 60, ordered: false, maxLatencyMs: 5_000, timescale: 1_000_000 });
let group = track.openGroup();
let frames = 0;
const startMs = performance.now();
const encoder = setInterval(() => {
  // As many as are due: a late timer does not slow the stream down.
  while (frames < ((performance.now() - startMs) * VIDEO_FPS) / 1_000) {
    if (frames > 0 && frames % GOP_FRAMES === 0) {
      group.finish();
      group = track.openGroup();
    }
    group.append(clock.nowUs(), new Uint8Array(FRAME_BYTES));
    frames += 1;
  }
}, 5);
await delay(500);

const tiers: { readonly name: string; readonly latencyMs: Samples; readonly viewers: Viewer[] }[] = [];
for (const [name, { url }] of Object.entries({ origin, relay, edge })) {
  const latencyMs = new Samples();
  tiers.push({ name, latencyMs, viewers: await addViewers(url, latencyMs) });
}
await delay(1_000);
for (const { latencyMs } of tiers) latencyMs.clear();
await delay(MEASURED_SECONDS * 1_000);
const rows: Row[] = tiers.map(({ name, latencyMs, viewers }) => ({
  "viewers at": name,
  viewers: viewers.length,
  frames: latencyMs.count,
  "p50 ms": Number(latencyMs.percentile(0.5).toFixed(2)),
  "p95 ms": Number(latencyMs.percentile(0.95).toFixed(2)),
  "p99 ms": Number(latencyMs.percentile(0.99).toFixed(2)),
}));
report("relay-hops", rows, { videoFps: VIDEO_FPS, frameBytes: FRAME_BYTES, oneProcess: true });

// The relay is stopped: its sessions close, and the edge has to find the other one.
const edgeViewers = tiers[2]?.viewers ?? [];
for (const viewer of edgeViewers) {
  viewer.longestGapMs = 0;
  viewer.aborted = 0;
}
const framesAtDeath = frames;
await relay.server.close();
await delay(4_000);
report(
  "relay-parent-loss",
  [
    {
      viewers: edgeViewers.length,
      "lost sessions": edgeViewers.filter((viewer) => viewer.lost).length,
      "longest gap ms": Math.round(Math.max(...edgeViewers.map((viewer) => viewer.longestGapMs))),
      "groups twice": edgeViewers.reduce((sum, viewer) => sum + viewer.groups - viewer.sequences.size, 0),
      "groups cut": edgeViewers.reduce((sum, viewer) => sum + viewer.aborted, 0),
      "frames since": frames - framesAtDeath,
      resumed: edge.node.upstreamCounters.groupsResumed,
      conflicting: edge.node.upstreamCounters.groupsConflicting,
      switches: JSON.stringify(edge.node.upstreamCounters.parentSwitches),
    },
  ],
  {},
);
clearInterval(encoder);
for (const { node } of [edge, spare, relay, origin]) await node.close();
for (const { server } of [edge, spare, origin]) await server.close();
