import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { ReceiveStream, Session, SessionClose, SessionHandler } from "../session.ts";
import type { ConnectQuicOptions } from "./connect-quic.ts";
import {
  openTestPair,
  openTestServer,
  openUdpRelay,
  settle,
  type TestPair,
  type TestServerOptions,
} from "./quic-test-suite.ts";

let open: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const resource of open.reverse()) await resource.close();
  open = [];
});

async function pairWith(...options: Parameters<typeof openTestPair>): Promise<TestPair> {
  const pair = await openTestPair(...options);
  open.push(pair);
  return pair;
}

/** A server and a client with a relay between them that can be cut. */
async function relayedPair(options: TestServerOptions, clientOptions: Partial<ConnectQuicOptions> = {}) {
  const endpoint = await openTestServer(options);
  open.push(endpoint);
  const relay = await openUdpRelay(endpoint.server.address.port);
  open.push(relay);
  const client = await endpoint.connect({ port: relay.port, ...clientOptions });
  await settle(() => endpoint.sessions.length === 1);
  const [server] = endpoint.sessions;
  if (server === undefined) throw new Error("no session");
  return { client, server, relay, endpoint };
}

interface Log extends SessionHandler {
  readonly uni: ReceiveStream[];
  readonly closes: SessionClose[];
  bytes: number;
  fins: number;
}

/** Attaches a handler that counts; `take` decides what becomes of a new stream. */
function attach(session: Session, take?: (stream: ReceiveStream) => void): Log {
  const log: Log = {
    uni: [],
    closes: [],
    bytes: 0,
    fins: 0,
    onUniStream: (stream) => {
      log.uni.push(stream);
      if (take !== undefined) take(stream);
      else
        stream.receiver = {
          onData: (bytes, fin) => {
            log.bytes += bytes.length;
            log.fins += fin ? 1 : 0;
          },
          onReset: () => {},
        };
    },
    onBidiStream: () => {},
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: (close) => log.closes.push(close),
  };
  session.handler = log;
  return log;
}

describe("QuicConnection", () => {
  test.each([undefined, "/live"])("follows a client to another port (WebTransport path %s)", async (path) => {
    const pair = await pairWith(path === undefined ? {} : { webtransportPath: path });
    const server = attach(pair.server);
    attach(pair.client);
    const stream = pair.client.openUni();
    stream?.write(new Uint8Array(1_000));
    await settle(() => server.bytes === 1_000);
    await pair.client.rebind();
    stream?.write(new Uint8Array(100_000));
    stream?.finish();
    await settle(() => server.fins === 1);
    expect(server.bytes).toBe(101_000);
    // And back: the server's packets go to the new port.
    const client = attach(pair.client);
    const answer = pair.server.openUni();
    answer?.write(new Uint8Array(50_000));
    answer?.finish();
    await settle(() => client.fins === 1);
    await settle(() => pair.endpoint.server.counters.migrations === 1);
    expect(server.closes).toEqual([]);
  });

  test("sends the resets of a session that ends at once, also where flushes are put together", async () => {
    const pair = await pairWith({ webtransportPath: "/live" }, { flush: 60 });
    const client = attach(pair.client);
    attach(pair.server);
    pair.server.openUni()?.write(new Uint8Array(100));
    await settle(() => client.bytes === 100);
    const { counters } = pair.endpoint.server;
    const sent = counters.packetsSent;
    pair.server.close(7, "over");
    // The capsule comes with a timer of its own, some turns later.
    for (let turns = 0; turns < 3; turns += 1) await turn();
    expect(counters.packetsSent).toBeGreaterThan(sent);
    await settle(() => client.closes.length === 1);
    expect(client.closes).toEqual([{ code: 7, reason: "over", remote: true }]);
  });

  test.each([undefined, "/live"])("closes a session whose reader is too slow (path %s)", async (path) => {
    const options = path === undefined ? {} : { webtransportPath: path };
    const pair = await pairWith(options, {
      transport: { overflowCloseCode: 26, maxSessionBufferBytes: 2 * 1_024 * 1_024 },
    });
    const client = attach(pair.client, (stream) => {
      stream.receiver = { onData: () => stream.pause(), onReset: () => {} };
    });
    const server = attach(pair.server);
    const streams = Array.from({ length: 8 }, () => pair.server.openUni());
    let most = 0;
    for (let round = 0; round < 400 && server.closes.length === 0; round += 1) {
      for (const stream of streams) stream?.write(new Uint8Array(16 * 1_024));
      most = Math.max(most, pair.server.stats().bufferedBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settle(() => server.closes.length === 1 && client.closes.length === 1);
    expect(most).toBeLessThanOrEqual(2 * 1_024 * 1_024 + 8 * 16 * 1_024);
    expect(server.closes[0]).toMatchObject({ code: 26, remote: false });
    expect(client.closes[0]).toMatchObject({ code: 26, remote: true });
    expect(pair.endpoint.server.counters.overflowCloses).toBe(1);
    expect(pair.server.stats().bufferedBytes).toBe(0);
  });

  test("holds what a flood of streams may open to its limit", async () => {
    const pair = await pairWith();
    // Nobody reads: no stream ever ends, so no credit comes back.
    const server = attach(pair.server, () => {});
    attach(pair.client);
    let opened = 0;
    for (;;) {
      const stream = pair.client.openUni();
      if (stream === undefined) break;
      stream.write(Uint8Array.of(1));
      opened += 1;
    }
    expect(opened).toBeGreaterThanOrEqual(1_024);
    expect(opened).toBeLessThanOrEqual(4_096);
    await settle(() => pair.endpoint.server.counters.streamsAccepted === opened);
    expect(server.closes).toEqual([]);
    expect(pair.client.openUni()).toBeUndefined();
  });

  test("goes on stopping streams after the reserve for STOP_SENDING is used up", async () => {
    const pair = await pairWith();
    const stopped = 6_000;
    let seen = 0;
    attach(pair.server, (stream) => {
      seen += 1;
      stream.stop(1);
    });
    const client = attach(pair.client);
    let opened = 0;
    const openMore = (): void => {
      while (opened < stopped) {
        const stream = pair.client.openUni();
        if (stream === undefined) return;
        opened += 1;
        stream.write(Uint8Array.of(1, 2, 3));
        stream.finish();
      }
    };
    client.onStreamsAvailable = openMore;
    openMore();
    await settle(() => seen === stopped);
    expect(pair.server.closed).toBe(false);
  });

  test.each([undefined, "/live"])(
    "tells the code of a stop that answers the first bytes at once (path %s)",
    async (path) => {
      const pair = await pairWith(path === undefined ? {} : { webtransportPath: path });
      attach(pair.server, (stream) => {
        stream.receiver = { onData: () => stream.stop(24), onReset: () => {} };
      });
      attach(pair.client);
      const codes: number[] = [];
      for (let round = 1; round <= 20; round += 1) {
        const stream = pair.client.openUni();
        if (stream === undefined) throw new Error("no stream");
        stream.handler = { onDrain: () => {}, onStop: (code) => codes.push(code) };
        stream.write(Uint8Array.of(1, 2));
        await settle(() => codes.length === round);
      }
      expect(new Set(codes)).toEqual(new Set([24]));
      expect(pair.endpoint.server.counters.streamsAccepted).toBeLessThanOrEqual(20 + 3);
    },
  );

  test("notices that the peer is gone", async () => {
    const { server: session, relay } = await relayedPair({
      transport: { idleTimeoutMs: 1_000, keepAliveMs: 200 },
    });
    const server = attach(session);
    await settle(() => session.stats().silentMs < 100);
    relay.cut();
    await settle(() => session.stats().silentMs > 400);
    await settle(() => server.closes.length === 1);
    expect(server.closes[0]).toEqual({ code: undefined, reason: "idle timeout", remote: false });
  });

  test.each([undefined, "/live"])(
    "tells why it closes, whatever packets are lost (path %s)",
    async (path) => {
      const { client, server, relay } = await relayedPair(
        {},
        path === undefined ? {} : { webtransportPath: path },
      );
      attach(server);
      const log = attach(client);
      // As a viewer does that acknowledges what is still under way to it.
      const stream = client.openUni();
      const talk = setInterval(() => stream?.write(new Uint8Array(100)), 5);
      open.push({ close: () => clearInterval(talk) });
      await settle(() => server.stats().receivedBytes > 5_000);
      relay.lose(3);
      server.close(25, "going down");
      await settle(() => log.closes.length === 1);
      expect(log.closes).toEqual([{ code: 25, reason: "going down", remote: true }]);
    },
  );

  test.each([600, 1_500])(
    "tells a browser why it closes, though its packets come %i ms late",
    async (lateMs) => {
      const { client, server, relay } = await relayedPair({}, { webtransportPath: "/live" });
      attach(server);
      const log = attach(client);
      relay.hold();
      server.close(25, "going down");
      await new Promise((resolve) => setTimeout(resolve, lateMs));
      expect(log.closes).toEqual([]);
      relay.release();
      await settle(() => log.closes.length === 1);
      expect(log.closes).toEqual([{ code: 25, reason: "going down", remote: true }]);
    },
  );

  test("delivers what came before the peer's close, although both come at once", async () => {
    const { client, server, relay } = await relayedPair({});
    const log = attach(client);
    relay.hold();
    const stream = server.openUni();
    stream?.write(new Uint8Array(500));
    stream?.finish();
    await settle(() => stream?.bufferedBytes === 0);
    server.close(25, "going down");
    await settle(() => server.closed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    relay.release();
    await settle(() => log.closes.length === 1);
    expect(log.closes).toEqual([{ code: 25, reason: "going down", remote: true }]);
    expect([log.bytes, log.fins]).toEqual([500, 1]);
  });

  test("keeps an idle session alive, and ping makes the peer answer", async () => {
    const transport = { idleTimeoutMs: 600, keepAliveMs: 100 };
    const pair = await pairWith({ transport }, { transport });
    const server = attach(pair.server);
    attach(pair.client);
    const before = pair.client.stats().receivedBytes;
    pair.client.ping();
    await settle(() => pair.client.stats().receivedBytes > before);
    const untilMs = performance.now() + 1_500;
    await settle(() => performance.now() > untilMs);
    expect(server.closes).toEqual([]);
  });

  test("hears at once that the server's process has started anew", async () => {
    const resetSecret = new Uint8Array(32).fill(7);
    const { client: session, relay, endpoint } = await relayedPair({ resetSecret });
    const client = attach(session);
    const again = await openTestServer({ resetSecret, tls: endpoint.certificate });
    open.push(again);
    relay.retarget(again.server.address.port);
    session.openUni()?.write(new Uint8Array(100));
    await settle(() => client.closes.length === 1);
    expect(client.closes[0]).toMatchObject({ code: undefined, remote: true });
    expect(again.server.counters.statelessResets).toBeGreaterThan(0);
  });

  test("closes a connection whose handler throws, and no other", async () => {
    const pair = await pairWith();
    const other = await pair.endpoint.connect();
    attach(other);
    attach(pair.client);
    const server = attach(pair.server, () => {
      throw new Error("broken handler");
    });
    pair.client.openUni()?.write(Uint8Array.of(1));
    await settle(() => server.closes.length === 1);
    expect(pair.endpoint.server.counters.handlerErrors).toBe(1);
    expect(other.closed).toBe(false);
  });

  test("reports its packets", async () => {
    const pair = await pairWith();
    const server = attach(pair.server);
    attach(pair.client);
    const stream = pair.client.openUni();
    stream?.write(new Uint8Array(200_000));
    stream?.finish();
    await settle(() => server.fins === 1);
    const stats = pair.client.stats();
    expect(stats.sentPackets).toBeGreaterThan(100);
    expect(stats.sendRateBps).toBeGreaterThan(0);
    expect(stats.silentMs).toBeLessThan(5_000);
    expect(pair.endpoint.server.counters.packetsReceived).toBeGreaterThan(100);
  });
});
