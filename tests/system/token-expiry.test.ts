import { PeerConnection, Video } from "node-datachannel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuardedNodes } from "../harness/guarded-nodes.ts";
import { type Carrier, openMoq, publishRtmp, request } from "../harness/show-token.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import type { ForgedGrant } from "../harness/token-forge.ts";
import { waitFor } from "../harness/wait-for.ts";
import { createOffer } from "../harness/whip-publisher.ts";

const PATH = "live/demo";
const BOTH: ForgedGrant = { root: "live", put: [""], get: [""] };
const SDP = { "content-type": "application/sdp" };
/** Long enough to be open on a busy machine, before it ends. */
const SECONDS = 6;

/** A session of one kind, open. */
interface LiveSession {
  /** Resolves when it is over, with what was told. */
  readonly ended: Promise<string>;
  close(): void;
}

let nodes: GuardedNodes;
let broadcast: SyntheticBroadcast;

beforeAll(async () => {
  nodes = await GuardedNodes.start();
  broadcast = new SyntheticBroadcast(nodes.edge.node.relay.store, { path: PATH }).run();
});
afterAll(async () => {
  broadcast?.[Symbol.dispose]();
  await nodes?.[Symbol.asyncDispose]();
});

async function openWebRtc(role: "whip" | "whep", token: string): Promise<LiveSession> {
  const node = role === "whip" ? nodes.origin : nodes.edge;
  const connection = new PeerConnection("client", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  const video = new Video("video", role === "whip" ? "SendOnly" : "RecvOnly");
  video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  if (role === "whip") video.addSSRC(5, "publisher", "stream", "video");
  connection.addTrack(video);
  const states: string[] = [];
  connection.onStateChange((state) => void states.push(state));
  const init = { method: "POST", headers: SDP, body: await createOffer(connection), asHeader: true };
  const path = role === "whip" ? `${PATH}-whip` : PATH;
  const response = await request(`${node.url}/${role}/${path}`, token, init);
  expect(response.status).toBe(201);
  connection.setRemoteDescription(await response.text(), "answer");
  await waitFor(`${role} to connect`, () => states.includes("connected"));
  // A client hears nothing more, and takes that for the end after a time of its own: the node is asked.
  const ended = waitFor(`the end of ${role}`, () => count(role) === 0 && "closed", 60_000);
  return { ended, close: () => connection.close() };
}

async function openFlv(token: string): Promise<LiveSession> {
  const response = await fetch(`${nodes.edge.url}/flv/${PATH}.flv?jwt=${token}`);
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  const readOn = async (): Promise<string> => {
    try {
      while (!(await reader?.read())?.done);
    } catch {
      // Cut off in the middle of a chunk is an end, too.
    }
    return "closed";
  };
  return { ended: readOn(), close: () => void reader?.cancel().catch(() => {}) };
}

/** A player that asks for its playlist again and again. */
async function openHls(token: string): Promise<LiveSession> {
  const master = await (await fetch(`${nodes.edge.url}/hls/${PATH}/index.m3u8?jwt=${token}`)).text();
  const uri = /\n(~\/video[^\n]+)/.exec(master)?.[1] ?? "";
  const ask = () => fetch(`${nodes.edge.url}/hls/${PATH}/${uri}`);
  expect((await ask()).status).toBe(200);
  let isOpen = true;
  const ended = (async () => {
    while (isOpen) {
      const response = await ask();
      const text = await response.text();
      if (response.status === 401) return text;
      expect(response.status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return "";
  })();
  return {
    ended,
    close: () => {
      isOpen = false;
    },
  };
}

async function openSession(carrier: Carrier, where: "origin" | "edge", token: string): Promise<LiveSession> {
  const session = await openMoq(nodes, nodes[where], { carrier, root: "live", token });
  expect(session.status).toBe(200);
  return session;
}

async function openRtmp(token: string): Promise<LiveSession> {
  const session = await publishRtmp(nodes.origin.node.rtmp?.address.port ?? 0, `${PATH}-rtmp`, token);
  expect(session.status).toBe(200);
  return session;
}

/** One of every kind, all open at the same time. */
async function openAll(token: string): Promise<ReadonlyMap<string, LiveSession>> {
  const opening: [string, Promise<LiveSession>][] = [
    ["rtmp", openRtmp(token)],
    ["whip", openWebRtc("whip", token)],
    ["whep", openWebRtc("whep", token)],
    ["webtransport", openSession("webtransport", "edge", token)],
    ["websocket", openSession("websocket", "edge", token)],
    ["quic", openSession("quic", "edge", token)],
    ["publishing quic", openSession("quic", "origin", token)],
    ["hls", openHls(token)],
    ["flv", openFlv(token)],
  ];
  return new Map(await Promise.all(opening.map(async ([name, session]) => [name, await session] as const)));
}

const count = (transport: string): number =>
  nodes.origin.metrics.value("canopy_sessions", transport) +
  nodes.edge.metrics.value("canopy_sessions", transport);
const TRANSPORTS = ["rtmp", "whip", "whep", "webtransport", "websocket", "quic", "hls", "flv"];

describe("a live session", () => {
  it("ends with its token, whatever carries it, and no earlier", async () => {
    const expiresAtMs = (Math.floor(Date.now() / 1_000) + SECONDS) * 1_000;
    const sessions = await openAll(await nodes.forge.sign(BOTH, SECONDS));
    const over = new Map<string, { readonly atMs: number; readonly text: string }>();
    const all = [...sessions].map(async ([name, { ended }]) => {
      over.set(name, { text: await ended, atMs: Date.now() });
    });
    await Promise.all(all);
    for (const [name, { atMs, text }] of over) {
      expect(atMs, name).toBeGreaterThanOrEqual(expiresAtMs - 50);
      expect(text, name).toMatch(/closed|token has expired/);
    }
    for (const name of ["rtmp", "webtransport", "websocket", "quic", "publishing quic", "hls"]) {
      expect(over.get(name)?.text, name).toMatch(/token has expired/);
    }
    for (const { close } of sessions.values()) close();
    await waitFor("the sessions to be forgotten", () =>
      TRANSPORTS.every((transport) => count(transport) === 0),
    );
  });

  it("ends when the key of its token is withdrawn", async () => {
    const sessions = await openAll(await nodes.forge.sign(BOTH));
    expect(TRANSPORTS.filter((transport) => count(transport) === 0)).toEqual([]);
    nodes.forge.verifier.setKeys([]);
    const ends = await Promise.all(
      [...sessions].map(async ([name, { ended }]) => [name, await ended] as const),
    );
    for (const [name, text] of ends) expect(text, name).toMatch(/closed|key was withdrawn|known key/);
    for (const { close } of sessions.values()) close();
    await waitFor("the sessions to be forgotten", () =>
      TRANSPORTS.every((transport) => count(transport) === 0),
    );
  });
});
