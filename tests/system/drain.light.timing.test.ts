import { NodeDrain } from "@canopy/relay/node";
import { createSilentLogger } from "@canopy/runtime";
import { QuicLoop } from "@canopy/transport/quic";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { countFaults, HeadlessPlayer } from "../harness/headless-player.ts";
import { PackagingEdge } from "../harness/packaging-edge.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/demo";
const PLAYERS = 100;
const CONNECT_TOGETHER = 20;
/** Browsers acknowledge about as often. */
const PLAYER_FLUSH_MS = 10;
/** Of `SyntheticBroadcast`. */
const VIDEO_STEP_US = 33_333;
const AUDIO_STEP_US = 20_000;
/** Groups of half a second: several of them begin while sessions move. */
const FRAMES_PER_GROUP = 15;
/** What a busy machine is late with is waited for instead of being given up for the sake of what is newer. */
const PATIENT = { graceMs: 60_000, backlogBytes: 32_000_000, maxBufferedBytes: 64_000_000 };
const CACHE_MS = 10_000;
/** Far more than a drain needs, on any machine. */
const DRAIN_MS = 30_000;

let origin: PackagingEdge;
let broadcast: SyntheticBroadcast;
const loop = new QuicLoop({ flush: PLAYER_FLUSH_MS });
const open: { close(): void | Promise<void> }[] = [];
let players: HeadlessPlayer[];
/** Ids of the timed messages that were sent, in order. */
let sent: string[];
let sending: NodeJS.Timeout;
/** As many as there may be. */
const MESSAGE_INTERVAL_MS = 50;

beforeAll(async () => {
  origin = await PackagingEdge.start({ tier: 0, downstream: PATIENT });
});

beforeEach(() => {
  players = [];
  broadcast = new SyntheticBroadcast(origin.node.relay.store, {
    path: BROADCAST,
    pictureBytes: 200,
    keyframeBytes: 600,
    framesPerGroup: FRAMES_PER_GROUP,
    cacheMs: CACHE_MS,
  }).run();
  sent = [];
  sending = setInterval(() => {
    const id = `message ${sent.length}`;
    broadcast.writeTimed(JSON.stringify({ v: 1, id, type: "cue", at: broadcast.timestampUs, data: null }));
    sent.push(id);
  }, MESSAGE_INTERVAL_MS);
});

afterEach(async () => {
  clearInterval(sending);
  for (const player of players) player.close();
  for (const part of open.splice(0).reverse()) await part.close();
  broadcast.end();
});

afterAll(async () => {
  await origin?.[Symbol.asyncDispose]();
});

const sessionUrl = ({ origin: url }: PackagingEdge): string => url.replace("http:", "https:");

async function startNode(tier: number, parents: readonly PackagingEdge[]): Promise<PackagingEdge> {
  const node = await PackagingEdge.start({ tier, parents: parents.map(sessionUrl), downstream: PATIENT });
  open.push(node.node);
  await waitFor("the node to be ready", async () => (await fetch(`${node.origin}/readyz`)).ok);
  return node;
}

/** Players that have had a second of pictures each. */
async function startPlayers(src: string): Promise<void> {
  while (players.length < PLAYERS) {
    const next = Array.from(
      { length: CONNECT_TOGETHER },
      () => new HeadlessPlayer({ sources: [src], broadcast: BROADCAST, loop }),
    );
    players.push(...next);
    await waitFor("sound and pictures at the next players", () =>
      next.every(({ taken }) => taken.video.length > 0 && taken.audio.length > 0),
    );
  }
  await presents(30);
}

/** Every player is given so many more pictures. */
async function presents(count: number): Promise<void> {
  const before = players.map(({ taken }) => taken.video.length);
  await waitFor(`${count} more pictures at every player`, () =>
    players.every(({ taken }, index) => taken.video.length >= (before[index] ?? 0) + count),
  );
}

/** Drains a node as its process would, and closes it, as the process ends. Returns how long it took, ms. */
async function drain(node: PackagingEdge, to: PackagingEdge): Promise<number> {
  const startedAt = performance.now();
  const settings = { timeoutMs: DRAIN_MS, uri: sessionUrl(to) };
  await new NodeDrain(settings, { logger: createSilentLogger() }).run(node.node.server);
  const tookMs = performance.now() - startedAt;
  await node.node.close();
  return tookMs;
}

function expectEveryFrameOnce(): void {
  for (const player of players) {
    expect(countFaults(player.taken.video, VIDEO_STEP_US)).toEqual({ missing: 0, repeated: 0 });
    expect(countFaults(player.taken.audio, AUDIO_STEP_US)).toEqual({ missing: 0, repeated: 0 });
    expect(player.gaps).toBe(0);
    // Those that came last may still be on their way.
    const [first] = player.timed;
    expect(sent.slice(sent.indexOf(first ?? ""), -20).filter((id) => !player.timed.has(id))).toEqual([]);
    expect(player.lost).toEqual([]);
  }
}

describe("a drain under 100 players", () => {
  it("of a relay loses no frame, and none comes twice; the edge keeps its sessions", async () => {
    const relay = await startNode(1, [origin]);
    const other = await startNode(1, [origin]);
    const edge = await startNode(2, [relay]);
    await startPlayers(edge.origin);
    const tookMs = await drain(relay, other);
    expect(edge.node.relay.topology().parent?.url).toBe(sessionUrl(other));
    await presents(60);
    console.info(`the relay was left within ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(DRAIN_MS);
    expectEveryFrameOnce();
    expect(edge.node.relay.upstreamCounters.parentSwitches).toEqual({
      closed: 0,
      silent: 0,
      goaway: 1,
      refused: 0,
    });
    expect(edge.node.server.gate.size).toBe(PLAYERS);
    expect(players.every(({ connection }) => connection.moves === 0)).toBe(true);
  });

  it("of an edge loses no frame, and none comes twice; every player has moved before it ends", async () => {
    const relay = await startNode(1, [origin]);
    const edge = await startNode(2, [relay]);
    const other = await startNode(2, [relay]);
    await startPlayers(edge.origin);
    const draining = drain(edge, other);
    const ready = await fetch(`${edge.origin}/readyz`);
    expect([ready.status, ready.headers.get("canopy-goaway")]).toEqual([503, sessionUrl(other)]);
    const tookMs = await draining;
    expect(players.every(({ connection }) => connection.moves === 1)).toBe(true);
    await presents(60);
    console.info(`the edge was left within ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(DRAIN_MS);
    expectEveryFrameOnce();
    expect(other.node.server.gate.size).toBe(PLAYERS);
    expect(edge.node.relay.downstreamCounters.goaways).toBe(PLAYERS);
  });
});
