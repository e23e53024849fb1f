import { join } from "node:path";
import type { ReceiveStream, Session, SessionClose } from "@canopy/transport";
import {
  createDevelopmentCertificate,
  type DevelopmentCertificate,
  listenQuic,
  type QuicServer,
} from "@canopy/transport/quic";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openUdpRelay } from "../../packages/transport/src/quic/quic-test-suite.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { ROOT } from "../repository/repository-files.ts";
import { bundlePage } from "./player/bundle-page.ts";

interface Received {
  readonly stream: ReceiveStream;
  bytes: number;
  fin: boolean;
  reset: number | undefined;
}

let chromium: TestChromium;
let server: QuicServer;
let certificate: DevelopmentCertificate;
let script: string;
let page: Page;
let session: Session;
let uni: Received[];
let datagrams: number[];
let closed: SessionClose | undefined;

/** The server's end of a session. */
function accept(opened: Session): void {
  session = opened;
  uni = [];
  datagrams = [];
  closed = undefined;
  opened.handler = {
    onUniStream: (stream) => {
      const entry: Received = { stream, bytes: 0, fin: false, reset: undefined };
      uni.push(entry);
      stream.receiver = {
        onData: (bytes, fin) => {
          entry.bytes += bytes.byteLength;
          entry.fin = fin;
        },
        onReset: (code) => {
          entry.reset = code;
        },
      };
    },
    onBidiStream: () => {},
    onDatagram: (bytes) => datagrams.push(bytes.byteLength),
    onStreamsAvailable: () => {},
    onClose: (close) => {
      closed = close;
    },
  };
}

beforeAll(async () => {
  certificate = await createDevelopmentCertificate(["127.0.0.1"]);
  server = await listenQuic(
    { host: "127.0.0.1", port: 0, tls: certificate, alpn: ["h3", "moq-lite-05"] },
    {
      onRequest: (request) => ({ accept: true, protocol: request.protocols[0] ?? "" }),
      onSession: accept,
    },
    { logger: { debug: () => {}, warn: () => {} } },
  );
  [script, chromium] = await Promise.all([
    bundlePage(join(ROOT, "tests", "browser", "player", "transport-page.ts")),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await chromium?.close();
  await server?.close();
});

beforeEach(async () => {
  const opened = await chromium.openPage();
  page = opened.page;
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.transport !== undefined);
  expect(await connectPage(server.address.port)).toBe("moq-lite-05");
  return () => page.context().close();
});

const connectPage = (port: number): Promise<string> =>
  page.evaluate(([url, hash]) => window.transport.connect(url, hash), [
    `https://127.0.0.1:${port}/live?jwt=x`,
    certificate.sha256Hex,
  ] as const);

const inPage = <T>(read: () => T): Promise<Awaited<T>> => page.evaluate(read) as Promise<Awaited<T>>;

describe("connectWebTransport", () => {
  it("carries streams of any size both ways", async () => {
    await page.evaluate(() => window.transport.send(1_500_000));
    await waitFor("the stream at the server", () => uni[0]?.fin === true);
    expect(uni[0]?.bytes).toBe(1_500_000);
    const stream = session.openUni();
    for (let index = 0; index < 100; index += 1) stream?.write(new Uint8Array(7_000).fill(1));
    stream?.finish();
    await waitFor("the stream in the page", () => inPage(() => window.transport.uni[0]?.fin === true));
    expect(await inPage(() => window.transport.uni[0]?.sum)).toBe(700_000);
    const stats = await inPage(() => window.transport.session?.stats());
    expect(stats?.sentBytes).toBe(1_500_000);
    expect(stats?.receivedBytes).toBe(700_000);
    expect(stats?.bufferedBytes).toBe(0);
    expect(await inPage(() => window.transport.drains)).toBe(1);
  });

  it("answers on streams that the server opens", async () => {
    const stream = session.openBidi();
    let echoed = 0;
    let ended = false;
    if (stream === undefined) throw new Error("no stream");
    stream.receiver = {
      onData: (bytes, fin) => {
        echoed += bytes.byteLength;
        ended = fin;
      },
      onReset: () => {},
    };
    stream.write(new Uint8Array(50_000));
    stream.finish();
    await waitFor("the echo", () => ended);
    expect(echoed).toBe(50_000);
  });

  it("carries the codes of resets and stops both ways", async () => {
    await page.evaluate(() => window.transport.send(10, -1));
    await waitFor("a stream", () => uni[0]?.bytes === 10);
    uni[0]?.stream.stop(24);
    await waitFor("the stop in the page", () => inPage(() => window.transport.stops.length === 1));
    expect(await inPage(() => window.transport.stops)).toEqual([24]);

    const stops: number[] = [];
    const stream = session.openUni();
    const other = session.openUni();
    if (stream === undefined || other === undefined) throw new Error("no stream");
    stream.handler = { onDrain: () => {}, onStop: (code) => stops.push(code) };
    stream.write(Uint8Array.of(1));
    other.write(Uint8Array.of(1));
    await waitFor("both in the page", () =>
      inPage(() => window.transport.uni.filter(({ bytes }) => bytes === 1).length === 2),
    );
    await page.evaluate(() => window.transport.streams[0]?.stop(26));
    await waitFor("the stop at the server", () => stops.length === 1);
    expect(stops).toEqual([26]);
    other.reset(31);
    await waitFor("the reset", () => inPage(() => window.transport.uni[1]?.reset !== undefined));
    expect(await inPage(() => window.transport.uni[1]?.reset)).toBe(31);
  });

  it("resets an open stream with its code", async () => {
    await page.evaluate(() => {
      const stream = window.transport.session?.openUni();
      stream?.write(Uint8Array.of(1));
      Object.assign(window, { stream });
    });
    await waitFor("the stream", () => uni[0]?.bytes === 1);
    await page.evaluate(() =>
      (window as unknown as { stream: { reset(code: number): void } }).stream.reset(30),
    );
    await waitFor("the reset", () => uni[0]?.reset !== undefined);
    expect(uni[0]?.reset).toBe(30);
  });

  it("takes hundreds of streams one after the other, each as its predecessors end", async () => {
    let opened = 0;
    const openMore = (): void => {
      while (opened < 500) {
        const stream = session.openUni();
        if (stream === undefined) return;
        opened += 1;
        stream.write(new Uint8Array(2_000));
        stream.finish();
      }
    };
    if (session.handler !== undefined) session.handler.onStreamsAvailable = openMore;
    openMore();
    await waitFor("all streams", () =>
      inPage(() => window.transport.uni.filter(({ fin }) => fin).length === 500),
    );
    expect(await inPage(() => window.transport.uni.every(({ bytes }) => bytes === 2_000))).toBe(true);
  });

  it("sends datagrams within their size", async () => {
    const sent = await page.evaluate(() => {
      const { session: own } = window.transport;
      const small = own?.sendDatagram(new Uint8Array(500));
      const large = own?.sendDatagram(new Uint8Array(5_000));
      return { small, large };
    });
    expect(sent).toEqual({ small: true, large: false });
    await waitFor("the datagram", () => datagrams.length === 1);
    session.sendDatagram(new Uint8Array(300));
    await waitFor("the answer", () => inPage(() => window.transport.datagrams[0] === 300));
  });

  it("tells both sides' closes with code and reason", async () => {
    await page.evaluate(() => window.transport.session?.close(7, "done"));
    await waitFor("the close at the server", () => closed !== undefined);
    expect(closed).toEqual({ code: 7, reason: "done", remote: true });
    await waitFor("the close in the page", () => inPage(() => window.transport.close !== undefined));
    expect(await inPage(() => window.transport.close)).toEqual({ code: 7, reason: "done", remote: false });
    expect(await inPage(() => window.transport.session?.openUni() === undefined)).toBe(true);
  });

  it("hears the server's close", async () => {
    session.close(25, "going down");
    await waitFor("the close in the page", () => inPage(() => window.transport.close !== undefined));
    expect(await inPage(() => window.transport.close)).toEqual({
      code: 25,
      reason: "going down",
      remote: true,
    });
  });

  it("hears the server's close, though all its packets come late and at once", async () => {
    const relay = await openUdpRelay(server.address.port);
    onTestFinished(() => relay.close());
    await connectPage(relay.port);
    relay.hold();
    session.close(25, "going down");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    relay.release();
    await waitFor("the close in the page", () => inPage(() => window.transport.close !== undefined));
    expect(await inPage(() => window.transport.close)).toEqual({
      code: 25,
      reason: "going down",
      remote: true,
    });
  });

  it("says refused where nothing listens", async () => {
    expect(await page.evaluate(() => window.transport.refused("https://127.0.0.1:9/"))).toMatch(
      /refused|timeout/,
    );
  });
});
