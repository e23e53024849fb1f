import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, test } from "vitest";
import { createDevelopmentCertificate } from "./certificate.ts";
import { connectQuic } from "./connect-quic.ts";
import { loadQuiche } from "./native.ts";
import { QuicLoop } from "./quic-loop.ts";
import { openTestPair, openTestServer, quietLogger, settle, type TestServer } from "./quic-test-suite.ts";

let open: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const resource of open.reverse()) await resource.close();
  open = [];
});

async function serverWith(options: Parameters<typeof openTestServer>[0] = {}): Promise<TestServer> {
  const server = await openTestServer(options);
  open.push(server);
  return server;
}

/** A bare UDP socket that keeps what it hears. */
async function rawSocket(): Promise<{ socket: Socket; packets: Buffer[] }> {
  const socket = createSocket("udp4");
  const packets: Buffer[] = [];
  socket.on("message", (packet) => packets.push(packet));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  open.push({ close: () => void socket.close() });
  return { socket, packets };
}

/** A client's first packet that no server takes for anything else: long header, padded to 1,200 bytes. */
function initialPacket(version: number): Buffer {
  const packet = Buffer.alloc(1_200, 0x5a);
  packet[0] = 0xc3;
  packet.writeUInt32BE(version, 1);
  packet[5] = 8;
  packet[14] = 8;
  packet[23] = 0;
  packet.writeUInt16BE(0x4000 | 1_000, 24);
  return packet;
}

describe("connectQuic", () => {
  test("takes the first protocol of its list that the server knows", async () => {
    const server = await serverWith();
    const client = await server.connect({ alpn: ["unknown", "moq-lite-04", "moq-lite-05"] });
    expect(client.protocol).toBe("moq-lite-04");
    expect(client.kind).toBe("quic");
    expect(client.remoteAddress).toBe(`127.0.0.1:${server.server.address.port}`);
  });

  test("gives a handshake its whole time after the loop of either side was idle for long", async () => {
    const loop = new QuicLoop();
    const server = await serverWith({ transport: { handshakeTimeoutMs: 5_000 } });
    const target = { host: "127.0.0.1", port: server.server.address.port, alpn: ["moq-lite-05"] };
    const verify = { sha256: [server.certificate.sha256Hex] };
    // As if neither had had anything to do for a minute.
    loop.nowMs -= 60_000;
    server.loop.nowMs -= 60_000;
    const transport = { handshakeTimeoutMs: 5_000 };
    const session = await connectQuic({ ...target, verify, transport }, { logger: quietLogger, loop });
    expect(session.closed).toBe(false);
    expect(server.server.counters.handshakesStarted).toBe(1);
    session.close(0, "done");
  });

  test.each([0, 5, 100])(
    "says that it closes, also after its thread stood still for %i ms",
    async (stillMs) => {
      const server = await serverWith();
      const client = await server.connect();
      const untilMs = performance.now() + stillMs;
      while (performance.now() < untilMs);
      // The probe timeout of its handshake comes before the server's packets can be read.
      client.close(7, "done");
      await settle(() => server.sessions[0]?.closed === true);
    },
  );

  test("fails with protocol-mismatch when no ALPN token is common", async () => {
    const server = await serverWith();
    await expect(server.connect({ alpn: ["something-else"] })).rejects.toMatchObject({
      code: "protocol-mismatch",
    });
    expect(server.sessions).toEqual([]);
    await settle(() => server.server.counters.handshakesFailed === 1);
  });

  test("accepts a certificate by its authority and refuses an unknown one", async () => {
    const server = await serverWith();
    const other = await createDevelopmentCertificate(["127.0.0.1"]);
    const client = await server.connect({ verify: { ca: server.certificate.certPem } });
    expect(client.closed).toBe(false);
    await expect(server.connect({ verify: { ca: other.certPem } })).rejects.toMatchObject({
      code: "certificate-mismatch",
    });
    await expect(server.connect({ verify: {} })).rejects.toMatchObject({ code: "certificate-mismatch" });
  });

  test("refuses a certificate that is trusted but for another host", async () => {
    const certificate = await createDevelopmentCertificate(["example.org"]);
    const server = await serverWith({ tls: certificate });
    const verify = { ca: certificate.certPem };
    await expect(server.connect({ verify })).rejects.toMatchObject({ code: "certificate-mismatch" });
    await expect(server.connect({ verify, serverName: "example.net" })).rejects.toMatchObject({
      code: "certificate-mismatch",
    });
    const client = await server.connect({ verify, serverName: "example.org" });
    expect(client.closed).toBe(false);
  });

  test("refuses a certificate that is not pinned", async () => {
    const server = await serverWith();
    const pinned = server.certificate.sha256Hex.toUpperCase().replace(/(..)(?=.)/g, "$1:");
    const client = await server.connect({ verify: { sha256: ["00".repeat(32), pinned] } });
    expect(client.closed).toBe(false);
    await expect(server.connect({ verify: { sha256: ["00".repeat(32)] } })).rejects.toMatchObject({
      code: "certificate-mismatch",
    });
  });

  test("fails fast where nobody listens", async () => {
    const { socket } = await rawSocket();
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    open.pop();
    const startMs = performance.now();
    const connecting = connectQuic(
      { host: "127.0.0.1", port, alpn: ["moq-lite-05"], verify: { insecure: true } },
      { logger: quietLogger },
    );
    await expect(connecting).rejects.toMatchObject({ code: "connection-refused" });
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test("does not begin when it was told to give up before it could", async () => {
    const server = await serverWith();
    const abort = new AbortController();
    const connecting = connectQuic(
      {
        host: "127.0.0.1",
        port: server.server.address.port,
        alpn: ["moq-lite-05"],
        verify: { insecure: true },
      },
      { logger: quietLogger, signal: abort.signal },
    );
    abort.abort(new Error("enough"));
    await expect(connecting).rejects.toThrow("enough");
    expect(server.server.counters.handshakesStarted).toBe(0);
  });

  test("gives up when the server says nothing, or when it is told to", async () => {
    const { socket } = await rawSocket();
    const { port } = socket.address();
    const options = {
      host: "127.0.0.1",
      port,
      alpn: ["moq-lite-05"],
      verify: { insecure: true },
      transport: { handshakeTimeoutMs: 200 },
    };
    await expect(connectQuic(options, { logger: quietLogger })).rejects.toMatchObject({
      code: "handshake-timeout",
    });
    const abort = new AbortController();
    const connecting = connectQuic(
      { ...options, transport: {} },
      { logger: quietLogger, signal: abort.signal },
    );
    setTimeout(() => abort.abort(new Error("enough")), 20);
    await expect(connecting).rejects.toThrow("enough");
  });

  test("is told the status when a WebTransport session is refused", async () => {
    const server = await serverWith({
      onRequest: (request) =>
        request.path === "/open"
          ? { accept: true, protocol: "" }
          : { accept: false, status: 401, reason: "token missing" },
    });
    const refused = server.connect({ webtransportPath: "/closed" });
    await expect(refused).rejects.toMatchObject({ code: "session-rejected", status: 401 });
    const client = await server.connect({ webtransportPath: "/open" });
    expect(client.protocol).toBe("");
    expect(server.server.counters.sessionsRejected).toBe(1);
  });

  test.each([undefined, "/open"])("is let in by a decision that comes later (path %s)", async (path) => {
    const received: number[] = [];
    const server = await serverWith({
      onRequest: (request, decide) => {
        setTimeout(() => {
          decide({ accept: true, protocol: request.protocols[0] ?? "" });
          decide({ accept: false, status: 500, reason: "too late" });
        }, 50);
        return undefined;
      },
      onSession: (session) => {
        session.handler = {
          onUniStream: (stream) => {
            stream.receiver = {
              onData: (bytes) => received.push(bytes.length),
              onReset: () => {},
            };
          },
          onBidiStream: () => {},
          onDatagram: () => {},
          onStreamsAvailable: () => {},
          onClose: () => {},
        };
      },
    });
    const client = await server.connect(path === undefined ? {} : { webtransportPath: path });
    expect(server.sessions).toHaveLength(path === undefined ? 0 : 1);
    client.openUni()?.write(new Uint8Array(5));
    await settle(() => received.length === 1);
    expect(received).toEqual([5]);
    expect(server.server.counters.sessions).toBe(1);
    expect(client.closed).toBe(false);
  });

  test("is told a refusal that comes later, and is not kept waiting for one that never comes", async () => {
    const server = await serverWith({
      transport: { handshakeTimeoutMs: 300 },
      onRequest: (request, decide) => {
        if (request.path === "/closed") {
          setTimeout(() => decide({ accept: false, status: 401, reason: "token missing" }), 20);
        }
        return undefined;
      },
    });
    const refused = server.connect({ webtransportPath: "/closed" });
    await expect(refused).rejects.toMatchObject({ code: "session-rejected", status: 401 });
    await expect(server.connect({ webtransportPath: "/silent" })).rejects.toThrow();
    expect(server.server.counters.handshakeTimeouts).toBe(1);
    expect(server.sessions).toEqual([]);
  });

  test("gets no subprotocol that it did not offer", async () => {
    const server = await serverWith({ onRequest: () => ({ accept: true, protocol: "moq-lite-99" }) });
    const client = await server.connect({ webtransportPath: "/" });
    expect(client.protocol).toBe("");
    await settle(() => server.sessions[0]?.protocol === "");
  });

  test("is refused by a raw QUIC server that does not want it", async () => {
    const server = await serverWith({ onRequest: () => ({ accept: false, status: 403, reason: "not you" }) });
    const client = await server.connect();
    const closes: unknown[] = [];
    client.handler = {
      onUniStream: () => {},
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: (close) => closes.push(close),
    };
    await settle(() => closes.length === 1);
    expect(closes[0]).toMatchObject({ code: undefined, remote: true });
  });
});

describe("listenQuic", () => {
  test("proves addresses by Retry when it always does", async () => {
    const pair = await openTestPair({}, { limits: { retry: "always" } });
    open.push(pair);
    expect(pair.endpoint.server.counters.retries).toBe(1);
    expect(pair.client.closed).toBe(false);
    await pair.endpoint.connect({ webtransportPath: "/" });
    expect(pair.endpoint.server.counters.retries).toBe(2);
  });

  test("proves addresses by Retry only while many handshakes are in progress", async () => {
    const server = await serverWith({ limits: { retry: "under-load", retryLoadHandshakes: 1 } });
    await server.connect();
    expect(server.server.counters.retries).toBe(0);
    const clients = [server.connect(), server.connect(), server.connect(), server.connect()];
    await Promise.all(clients);
    expect(server.server.counters.retries).toBeGreaterThan(0);
  });

  test("answers an unknown version with the versions it speaks", async () => {
    const server = await serverWith();
    const { socket, packets } = await rawSocket();
    socket.send(initialPacket(0x1a2a3a4a), server.server.address.port, "127.0.0.1");
    await settle(() => packets.length === 1);
    const quiche = await loadQuiche();
    const header = quiche.Header.fromSlice(packets[0] ?? Buffer.alloc(0), 8);
    expect(header.version).toBe(0);
    expect(header.versions).toContain(1);
    expect(server.server.counters.versionNegotiations).toBe(1);
  });

  test("counts and drops garbage, and goes on", async () => {
    const server = await serverWith();
    const { socket } = await rawSocket();
    const { port } = server.server.address;
    const garbage = [
      Buffer.alloc(0),
      Buffer.of(0x40),
      Buffer.alloc(30, 0x41),
      initialPacket(1).subarray(0, 600),
    ];
    garbage.push(initialPacket(1), Buffer.from([0xc0, 0, 0, 0, 1, 255, 1, 2]));
    for (const packet of garbage) socket.send(packet, port, "127.0.0.1");
    const { counters } = server.server;
    await settle(() => counters.packetsReceived >= garbage.length);
    const dropped = Object.values(counters.packetsDropped).reduce((sum, count) => sum + count, 0);
    expect(dropped).toBeGreaterThanOrEqual(garbage.length - 1);
    const client = await server.connect();
    expect(client.closed).toBe(false);
  });

  test("drops handshakes that stall", async () => {
    const server = await serverWith({ transport: { handshakeTimeoutMs: 300 } });
    const { socket } = await rawSocket();
    // A real first flight, then silence: relay only the client's first packet.
    const { port } = server.server.address;
    const { counters } = server.server;
    socket.on("message", () => {});
    const relay = createSocket("udp4");
    open.push({ close: () => void relay.close() });
    await new Promise<void>((resolve) => relay.bind(0, "127.0.0.1", resolve));
    relay.once("message", (packet) => socket.send(packet, port, "127.0.0.1"));
    const connecting = connectQuic(
      {
        host: "127.0.0.1",
        port: relay.address().port,
        alpn: ["moq-lite-05"],
        verify: { insecure: true },
        transport: { handshakeTimeoutMs: 300 },
      },
      { logger: quietLogger },
    );
    await expect(connecting).rejects.toMatchObject({ code: "handshake-timeout" });
    await settle(() => counters.handshakeTimeouts === 1 && counters.handshakes === 0);
    // While it drains, its timer runs for nothing that is over: that would be every 4 ms.
    const { wheel } = server.loop;
    const set = wheel.set.bind(wheel);
    let timers = 0;
    wheel.set = (entry, deadlineMs) => {
      timers += 1;
      set(entry, deadlineMs);
    };
    await settle(() => counters.connections === 0);
    expect(timers).toBeLessThan(50);
  });

  test("drops a connection whose HTTP/3 session never comes", async () => {
    const server = await serverWith({ transport: { handshakeTimeoutMs: 300 } });
    const client = await server.connect({ alpn: ["h3"] });
    expect(client.protocol).toBe("h3");
    await settle(() => server.server.counters.handshakeTimeouts === 1);
    await settle(() => client.closed);
  });

  test("refuses sessions over its limit at once", async () => {
    const server = await serverWith({ limits: { maxSessions: 1 } });
    await server.connect();
    await expect(server.connect()).rejects.toMatchObject({ code: "connection-refused", peerCode: 2 });
    expect(server.server.counters.packetsDropped["session-limit"]).toBeGreaterThan(0);
  });

  test("limits the handshakes and the sessions of one address", async () => {
    const slow = await serverWith({
      limits: { handshakeBurstPerAddress: 1, handshakesPerSecondPerAddress: 0.001 },
    });
    await slow.connect();
    const transport = { handshakeTimeoutMs: 300 };
    await expect(slow.connect({ transport })).rejects.toMatchObject({ code: "handshake-timeout" });
    expect(slow.server.counters.packetsDropped["rate-limited"]).toBeGreaterThan(0);
    const few = await serverWith({ limits: { maxSessionsPerAddress: 1 } });
    const first = await few.connect();
    await expect(few.connect({ transport })).rejects.toMatchObject({ code: "handshake-timeout" });
    expect(few.server.counters.packetsDropped["address-limit"]).toBeGreaterThan(0);
    first.close(0, "");
    await settle(() => few.server.counters.connections === 0);
    expect((await few.connect()).closed).toBe(false);
  });

  test("gives new connections the new certificate and leaves the old ones alone", async () => {
    const server = await serverWith();
    const before = await server.connect();
    const next = await createDevelopmentCertificate(["127.0.0.1"]);
    server.server.setCertificate(next);
    await expect(server.connect()).rejects.toMatchObject({ code: "certificate-mismatch" });
    await server.connect({ verify: { sha256: [next.sha256Hex] } });
    expect(before.closed).toBe(false);
    expect(() => server.server.setCertificate({ certPem: "x", keyPem: "y" })).toThrow(/cannot be used/);
  });

  test("says that the port is taken", async () => {
    const server = await serverWith();
    const { port } = server.server.address;
    await expect(openTestServer({ port })).rejects.toMatchObject({ code: "socket-failed" });
  });

  test("takes no new connections while it drains", async () => {
    const server = await serverWith();
    const client = await server.connect();
    server.server.drain();
    const late = server.connect({ transport: { handshakeTimeoutMs: 300 } });
    await expect(late).rejects.toMatchObject({ code: "handshake-timeout" });
    expect(client.closed).toBe(false);
  });

  test("leaves nothing behind when it closes", async () => {
    const pair = await openTestPair();
    const { counters } = pair.endpoint.server;
    await pair.endpoint.server.close();
    await pair.endpoint.server.close();
    expect(counters.sessions).toBe(0);
    expect(counters.connections).toBe(0);
    expect(counters.handshakes).toBe(0);
    await settle(() => pair.client.closed);
  });
});
