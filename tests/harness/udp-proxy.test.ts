import { createSocket, type Socket } from "node:dgram";
import { createSilentLogger } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import { connectQuic, createDevelopmentCertificate, listenQuic } from "@canopy/transport/quic";
import { afterEach, describe, expect, it } from "vitest";
import type { LinkOptions } from "./link-model.ts";
import { throughProxy, UdpProxy, withoutCandidates } from "./udp-proxy.ts";
import { waitFor } from "./wait-for.ts";

const closers: (() => Promise<void> | void)[] = [];
/** What all clients of a proxy together have sent to the echo, and what came back to them. */
const traffic = new WeakMap<UdpProxy, { sent: number; echoed: number }>();

/** Of the tests that run one after the other: whoever runs beside them closes what is his himself. */
async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  socket.setRecvBufferSize(1 << 20);
  closers.push(() => new Promise((resolve) => socket.close(() => resolve())));
  return socket;
}

/** A target that sends back everything, and a proxy in front of it. */
async function openEcho(
  options: { seed?: number; toTarget?: Partial<LinkOptions>; toClient?: Partial<LinkOptions> } = {},
): Promise<UdpProxy> {
  const echo = await openSocket();
  echo.on("message", (bytes, from) => echo.send(bytes, from.port, from.address));
  const target = { host: "127.0.0.1", port: echo.address().port };
  const proxy = await UdpProxy.listen({ seed: 1, target, ...options });
  closers.push(() => proxy.close());
  traffic.set(proxy, { sent: 0, echoed: 0 });
  return proxy;
}

interface Echoed {
  readonly number: number;
  readonly roundTripMs: number;
}

/** Whether nothing is on its way any more: all that was sent, lost or doubled is accounted for. */
function isAtRest(proxy: UdpProxy): boolean {
  const { toTarget, toClient } = proxy.counters;
  const { sent, echoed } = traffic.get(proxy) ?? { sent: Number.NaN, echoed: Number.NaN };
  return (
    toTarget.packets === sent &&
    toClient.packets === toTarget.packets - toTarget.lost + toTarget.duplicated &&
    echoed === toClient.packets - toClient.lost + toClient.duplicated
  );
}

/** Sends numbered packets, some ms apart in small bursts, and collects those that come back. */
async function sendThrough(proxy: UdpProxy, count: number, burst = 10): Promise<Echoed[]> {
  const socket = await openSocket();
  const total = traffic.get(proxy) ?? { sent: 0, echoed: 0 };
  const sentAtMs: number[] = [];
  const echoed: Echoed[] = [];
  socket.on("message", (bytes) => {
    const number = bytes.readUInt32BE(0);
    total.echoed++;
    echoed.push({ number, roundTripMs: performance.now() - (sentAtMs[number] ?? Number.NaN) });
  });
  for (let number = 0; number < count; number++) {
    const bytes = Buffer.alloc(100);
    bytes.writeUInt32BE(number);
    sentAtMs[number] = performance.now();
    total.sent++;
    socket.send(bytes, proxy.port, proxy.host);
    if (number % burst === burst - 1) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await waitFor("the last echo", () => isAtRest(proxy));
  return echoed;
}

// Beside each other: the second is a long wait.

describe.concurrent("UdpProxy", () => {
  afterEach(closeAll);

  it.sequential("passes everything on, both ways, for many clients at once", async () => {
    const proxy = await openEcho();
    // Together no more than a loop reads at one go, or the kernel's queue could run over.
    const received = await Promise.all(Array.from({ length: 8 }, () => sendThrough(proxy, 200, 2)));
    for (const echoed of received) {
      expect(echoed.map(({ number }) => number)).toEqual(Array.from({ length: 200 }, (_, index) => index));
    }
    expect(proxy.clients).toBe(8);
    expect(proxy.counters.toTarget.packets).toBe(1_600);
    expect(proxy.counters.toClient.packets).toBe(1_600);
  });

  it.sequential("loses the share that it was told to, in each direction separately", async () => {
    const proxy = await openEcho({ toTarget: { lossRate: 0.1 }, toClient: { lossRate: 0.05 } });
    const echoed = await sendThrough(proxy, 4_000);
    const { toTarget, toClient } = proxy.counters;
    expect(toTarget.packets).toBe(4_000);
    expect(Math.abs(toTarget.lost / 4_000 - 0.1)).toBeLessThan(0.02);
    expect(toClient.packets).toBe(4_000 - toTarget.lost);
    expect(Math.abs(toClient.lost / toClient.packets - 0.05)).toBeLessThan(0.02);
    expect(echoed.length).toBe(4_000 - toTarget.lost - toClient.lost);
  });

  it.sequential("loses the very same packets again with the same seed", async () => {
    const options = { seed: 42, toTarget: { lossRate: 0.2 }, toClient: { lossRate: 0.1 } };
    const numbers = async (seed: number): Promise<number[]> =>
      (await sendThrough(await openEcho({ ...options, seed }), 1_000)).map(({ number }) => number);
    const first = await numbers(42);
    expect(await numbers(42)).toEqual(first);
    expect(await numbers(43)).not.toEqual(first);
  });

  it.sequential("delays both directions, and no packet by less", async () => {
    const proxy = await openEcho({ toTarget: { delayMs: 20 }, toClient: { delayMs: 50 } });
    // One by one, so that they are on their way for a while: a pause of this process does not make all of them late.
    const echoed = await sendThrough(proxy, 300, 1);
    expect(echoed.map(({ number }) => number)).toEqual(Array.from({ length: 300 }, (_, index) => index));
    const times = echoed.map(({ roundTripMs }) => roundTripMs).sort((a, b) => a - b);
    // Half a ms per direction is what a timer may be early by.
    expect(times[0]).toBeGreaterThanOrEqual(69);
    expect(times[0]).toBeLessThan(200);
  });

  it.sequential("changes a direction while packets flow", async () => {
    const proxy = await openEcho();
    expect((await sendThrough(proxy, 50)).length).toBe(50);
    proxy.setLink("toClient", { lossRate: 1 });
    expect((await sendThrough(proxy, 50)).length).toBe(0);
    proxy.setLink("toClient", { lossRate: 0 });
    expect((await sendThrough(proxy, 50)).length).toBe(50);
  });

  it.sequential("reorders and doubles packets", async () => {
    const proxy = await openEcho({ toClient: { reorderRate: 0.1, reorderDelayMs: 15, duplicateRate: 0.1 } });
    const echoed = await sendThrough(proxy, 1_000);
    const { reordered, duplicated } = proxy.counters.toClient;
    expect(echoed.length).toBe(1_000 + duplicated);
    expect(new Set(echoed.map(({ number }) => number)).size).toBe(1_000);
    const overtaken = echoed.filter(({ number }, index) => number < (echoed[index - 1]?.number ?? -1)).length;
    expect(reordered).toBeGreaterThan(50);
    expect(overtaken).toBeGreaterThan(10);
  });

  it.sequential("closes twice without harm, with packets under way", async () => {
    const proxy = await openEcho({ toTarget: { delayMs: 1_000 } });
    const socket = await openSocket();
    socket.send(Buffer.alloc(10), proxy.port, proxy.host);
    await waitFor("the packet", () => proxy.counters.toTarget.packets === 1);
    await proxy.close();
    await proxy.close();
  });
});

describe.concurrent("UdpProxy between QUIC endpoints", () => {
  it("lets a stream arrive whole though packets are lost, late and out of order", async ({
    onTestFinished,
  }) => {
    const certificate = await createDevelopmentCertificate(["127.0.0.1"]);
    const logger = createSilentLogger();
    const opened: Session[] = [];
    const server = await listenQuic(
      { host: "127.0.0.1", port: 0, tls: certificate, alpn: ["moq-lite-05"] },
      {
        onRequest: () => ({ accept: true, protocol: "moq-lite-05" }),
        onSession: (session) => opened.push(session),
      },
      { logger },
    );
    onTestFinished(() => server.close());
    const link = { lossRate: 0.05, delayMs: 10, jitterMs: 10, reorderRate: 0.05, duplicateRate: 0.02 };
    const target = { host: "127.0.0.1", port: server.address.port };
    const proxy = await UdpProxy.listen({ target, seed: 3, toTarget: link, toClient: link });
    onTestFinished(() => proxy.close());
    const client = await connectQuic(
      {
        ...{ host: proxy.host, port: proxy.port, alpn: ["moq-lite-05"] },
        verify: { sha256: [certificate.sha256Hex] },
      },
      { logger },
    );
    onTestFinished(() => client.close(0, "done"));
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) & 0xff));
    const received: Uint8Array[] = [];
    let finished = false;
    client.handler = {
      onUniStream: (stream) => {
        stream.receiver = {
          onData: (bytes, fin) => {
            received.push(bytes.slice());
            finished = fin;
          },
          onReset: () => {},
        };
      },
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: () => {},
    };
    const session = await waitFor("the session", () => opened[0]);
    const stream = session.openUni();
    stream?.write(sent);
    stream?.finish();
    await waitFor("the whole stream", () => finished, 60_000);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(proxy.counters.toClient.lost).toBeGreaterThan(5);
  });
});

describe("throughProxy", () => {
  afterEach(closeAll);

  const sdpOn = (port: number): string =>
    [
      "v=0",
      "m=video 9 UDP/TLS/RTP/SAVPF 96",
      `a=candidate:1 1 UDP 2122317823 192.0.2.7 ${port} typ host`,
      `a=candidate:2 1 UDP 2122315263 127.0.0.1 ${port} typ host generation 0`,
      "a=candidate:3 1 TCP 2105524479 127.0.0.1 9 typ host tcptype active",
      "a=candidate:4 1 UDP 2122315000 127.0.0.1 6000 typ host",
      "a=end-of-candidates",
      "",
    ].join("\r\n");

  it("leaves one candidate, which is the proxy", async () => {
    const proxy = await openEcho();
    const lines = throughProxy(sdpOn(proxy.target.port), proxy)
      .split("\r\n")
      .filter((line) => line.startsWith("a=candidate:"));
    expect(lines).toEqual([`a=candidate:1 1 UDP 2122317823 127.0.0.1 ${proxy.port} typ host`]);
  });

  it("fails if the target's port is not among the candidates", async () => {
    const proxy = await openEcho();
    expect(() => throughProxy(sdpOn(7_000), proxy)).toThrow(/no candidate/);
  });

  it("has a counterpart for offers", () => {
    expect(withoutCandidates(sdpOn(7_000))).toBe(["v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", ""].join("\r\n"));
  });
});
