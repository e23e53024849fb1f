import { createSocket } from "node:dgram";
import { PeerConnection, Video } from "node-datachannel";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { pictureNumber, SyntheticBroadcast, type SyntheticOptions } from "../harness/synthetic-broadcast.ts";
import { UdpProxy } from "../harness/udp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WhepClient, type WhepClientOptions } from "../harness/whep-client.ts";
import { WhepEdge, type WhepEdgeOptions } from "../harness/whep-edge.ts";

const PATH = "live/demo";

/** Edges, broadcasts and viewers of the tests of one `describe`, which end with their test. */
function useEdges() {
  const open = closedAfterEach();
  return {
    open,
    startEdge: async (options: WhepEdgeOptions = {}): Promise<WhepEdge> => {
      const edge = await WhepEdge.start(options);
      open.push(edge);
      return edge;
    },
    publish: (edge: WhepEdge, options: Partial<SyntheticOptions> = {}): SyntheticBroadcast => {
      const broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH, ...options });
      open.push(broadcast);
      return broadcast.run();
    },
    play: async (edge: WhepEdge, options: Partial<WhepClientOptions> = {}): Promise<WhepClient> => {
      const client = await WhepClient.play({ url: edge.url(PATH), ...options });
      open.push(client);
      return client;
    },
  };
}

/** Every picture once, in order. */
function expectSteady(client: WhepClient, from = 0): void {
  const seen = client.pictures.slice(from).map(({ bytes }) => pictureNumber(bytes));
  const first = seen[0] ?? -1;
  expect(seen).toEqual(seen.map((_value, index) => first + index));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An offer that is well-formed and of which nobody stands behind the candidates. */
async function createDeadOffer(): Promise<string> {
  const connection = new PeerConnection("dead", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  const video = new Video("0", "RecvOnly");
  video.addH264Codec(102);
  connection.addTrack(video);
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.setLocalDescription("offer");
  await gathered;
  const sdp = connection.localDescription()?.sdp ?? "";
  connection.close();
  return sdp;
}

// Beside each other, for neither of them is much work.

describe.concurrent("WHEP under loss", () => {
  const { open, startEdge, publish, play } = useEdges();

  it("repairs a path that loses a tenth of all packets in both directions", async () => {
    const edge = await startEdge();
    publish(edge, { pictureBytes: 10_000, keyframeBytes: 15_000 });
    const link = { lossRate: 0.1, delayMs: 10 };
    const proxy = await UdpProxy.listen({
      target: { host: "127.0.0.1", port: edge.engine.port },
      seed: 5,
      toTarget: link,
      toClient: link,
    });
    open.push(proxy);
    const client = await play(edge, { nack: true, proxy });
    await waitFor("pictures", () => client.pictures.length >= 75);
    expectSteady(client);
    expect(proxy.counters.toClient.lost).toBeGreaterThan(50);
    expect(await edge.metric("canopy_webrtc_retransmitted_packets_total")).toBeGreaterThan(50);
  });
});

describe.concurrent("WHEP beside viewers who take nothing", () => {
  const { open, startEdge, publish, play } = useEdges();

  it("lets one slow or silent viewer cost the others nothing", async () => {
    const edge = await startEdge();
    publish(edge);
    const viewer = await play(edge);
    const proxy = await UdpProxy.listen({
      target: { host: "127.0.0.1", port: edge.engine.port },
      seed: 9,
      toClient: { lossRate: 0.9 },
    });
    open.push(proxy);
    await Promise.allSettled([play(edge, { nack: true, proxy }), play(edge, { nack: true, proxy })]);
    const before = viewer.pictures.length;
    await waitFor("pictures", () => viewer.pictures.length > before + 60);
    expectSteady(viewer);
  });
});

// One after the other: each is as much as the machine can do.
describe("WHEP under attack", () => {
  const { startEdge, publish, play } = useEdges();

  it("answers a storm of keyframe requests of 200 viewers from its cache, and asks nobody upstream", async () => {
    const edge = await startEdge();
    publish(edge, { pictureBytes: 1_000, keyframeBytes: 4_000 });
    const clients: WhepClient[] = [];
    for (let index = 0; index < 200; index += 10) {
      clients.push(...(await Promise.all(Array.from({ length: 10 }, () => play(edge, { audio: false })))));
    }
    await waitFor("all viewers", () => clients.every(({ pictures }) => pictures.length > 5));
    const startedAt = performance.now();
    for (let round = 0; round < 20; round += 1) {
      for (const client of clients) client.askForKeyframe();
      await pause(100);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    await waitFor(
      "the requests",
      async () => (await edge.metric("canopy_webrtc_feedback_total", '{kind="pli"}')) >= 3_900,
    );
    const restarts = await edge.metric("canopy_webrtc_restarts_total");
    expect(restarts).toBeGreaterThanOrEqual(200);
    // Each viewer is answered at most twice a second.
    expect(restarts).toBeLessThanOrEqual(200 * (2 * (seconds + 2) + 1));
    // However many watch, the node itself follows the track once: there is nobody else whom it could ask.
    const track = edge.node.relay.store.get(PATH)?.track("video");
    expect(track?.observerCount).toBe(1);
    const before = clients.map(({ pictures }) => pictures.length);
    await waitFor("pictures afterwards", () =>
      clients.every(({ pictures }, index) => pictures.length > (before[index] ?? 0) + 30),
    );
  });

  it("bounds what floods of RTCP, garbage and unwanted media cost, and others do not notice", async () => {
    const edge = await startEdge();
    publish(edge);
    const victim = await play(edge);
    const attacker = await play(edge);
    await waitFor("both", () => [victim, attacker].every(({ pictures }) => pictures.length > 5));
    const [ssrc] = attacker.of("video").ssrcs;
    const nackAll = Buffer.alloc(12 + 4 * 64);
    nackAll[0] = 0x81;
    nackAll[1] = 205;
    nackAll.writeUInt16BE(nackAll.length / 4 - 1, 2);
    nackAll.writeUInt32BE(ssrc ?? 0, 8);
    for (let entry = 0; entry < 64; entry += 1) {
      nackAll.writeUInt16BE(((attacker.of("video").highest & 0xffff) - entry * 17) & 0xffff, 12 + 4 * entry);
      nackAll.writeUInt16BE(0xffff, 14 + 4 * entry);
    }
    const before = victim.pictures.length;
    const stranger = createSocket("udp4");
    for (let round = 0; round < 40; round += 1) {
      for (let packet = 0; packet < 50; packet += 1) {
        attacker.sendRtcp(nackAll);
        // A well-formed header with nonsense behind it.
        attacker.sendRtcp(Buffer.from(`81ce${"ffff"}${"00".repeat(20)}`, "hex"));
        stranger.send(Buffer.alloc(200, packet), edge.engine.port, "127.0.0.1");
      }
      await pause(20);
    }
    stranger.close();
    await waitFor("pictures of the victim", () => victim.pictures.length > before + 60);
    expectSteady(victim);
    expect(await edge.metric("canopy_webrtc_refused_packets_total", '{reason="rtcp-rate"}')).toBeGreaterThan(
      1_000,
    );
    expect(await edge.metric("canopy_webrtc_refused_packets_total", '{reason="malformed"}')).toBeGreaterThan(
      10,
    );
    // A fifth of what is sent, and 300 a second.
    expect(await edge.metric("canopy_webrtc_retransmitted_packets_total")).toBeLessThan(4_000);
    expect(attacker.state).toBe("connected");
  });

  it("holds a thousand half-open sessions within its bound, and has room again when their time is over", async () => {
    const edge = await startEdge({ webrtcLimits: { maxHalfOpen: 50, handshakeTimeoutMs: 2_000 } });
    publish(edge);
    const viewer = await play(edge);
    await waitFor("pictures", () => viewer.pictures.length > 5);
    const offer = await createDeadOffer();
    const statuses = new Map<number, number>();
    for (let index = 0; index < 1_000; index += 20) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          fetch(edge.url(PATH), {
            method: "POST",
            headers: { "content-type": "application/sdp" },
            body: offer,
          }),
        ),
      );
      for (const answer of answers) {
        await answer.text();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status === 503) expect(answer.headers.get("retry-after")).toBe("1");
      }
      expect(edge.engine.halfOpenCount).toBeLessThanOrEqual(50);
    }
    expect([...statuses.keys()].sort()).toEqual([201, 503]);
    await waitFor("room", () => edge.engine.halfOpenCount === 0);
    expect(edge.engine.peerCount).toBe(1);
    await waitFor(
      "no sessions of theirs",
      async () => (await edge.metric("canopy_sessions", '{transport="whep"}')) === 1,
    );
    expectSteady(viewer);
    const late = await play(edge);
    await waitFor("pictures of a new viewer", () => late.pictures.length > 5);
  });
});
