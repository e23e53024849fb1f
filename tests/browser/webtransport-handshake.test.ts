import type { BidiStream, ReceiveStream, Session, SessionClose, SessionRequest } from "@canopy/transport";
import {
  createDevelopmentCertificate,
  type DevelopmentCertificate,
  listenQuic,
  type QuicServer,
} from "@canopy/transport/quic";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launchChromium, type TestChromium, type TestPage } from "../harness/chromium.ts";

const quietLogger = { debug: () => {}, warn: () => {} };
const WAIT_MS = 20_000;
/** Chromium acknowledges a packet after 25 ms at the latest. */
const ACKNOWLEDGEMENT_DELAY_MS = 200;

async function until<T>(value: () => T | undefined): Promise<T> {
  const deadlineMs = performance.now() + WAIT_MS;
  for (;;) {
    const found = value();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error("it never happened");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What the server's end of a session saw. */
interface Seen {
  readonly session: Session;
  readonly uni: { stream: ReceiveStream; text: string; fin: boolean; reset: number | undefined }[];
  readonly bidi: BidiStream[];
  readonly datagrams: string[];
  close: SessionClose | undefined;
}

describe("WebTransport in Chromium", () => {
  let chromium: TestChromium;
  let tab: TestPage;
  let server: QuicServer;
  let certificate: DevelopmentCertificate;
  let url: string;
  const seen: Seen[] = [];
  const requests: SessionRequest[] = [];
  let decide: (request: SessionRequest) => string | undefined;

  beforeAll(async () => {
    certificate = await createDevelopmentCertificate(["127.0.0.1"]);
    server = await listenQuic(
      { host: "127.0.0.1", port: 0, tls: certificate, alpn: ["h3", "moq-lite-05"] },
      {
        onRequest: (request) => {
          requests.push(request);
          const protocol = decide(request);
          return protocol === undefined
            ? { accept: false, status: 403, reason: "no" }
            : { accept: true, protocol };
        },
        onSession: (session) => seen.push(watch(session)),
      },
      { logger: quietLogger },
    );
    url = `https://127.0.0.1:${server.address.port}/live/room?jwt=abc`;
    chromium = await launchChromium();
    tab = await chromium.openPage();
    // The page's end: one session at a time under `session`.
    await tab.page.evaluate(() => {
      Object.assign(globalThis, {
        open: async (address: string, hash: string, protocols: string[]) => {
          const value = Uint8Array.from(hash.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
          const session = new WebTransport(address, {
            serverCertificateHashes: [{ algorithm: "sha-256", value }],
            protocols,
          } as WebTransportOptions);
          Object.assign(globalThis, { session });
          await session.ready;
          return (session as unknown as { protocol?: string }).protocol;
        },
      });
    });
  });

  beforeEach(() => {
    seen.length = 0;
    requests.length = 0;
    decide = (request) => request.protocols[0] ?? "";
  });

  afterAll(async () => {
    await chromium?.close();
    await server?.close();
  });

  const open = (protocols: string[]): Promise<string | undefined> =>
    tab.page.evaluate(
      ([address, hash, offered]) => (globalThis as unknown as PageScope).open(address, hash, offered),
      [url, certificate.sha256Hex, protocols] as const,
    );

  test("opens a session with the best subprotocol, the path and the query", async () => {
    expect(await open(["moq-lite-05", "moq-lite-04"])).toBe("moq-lite-05");
    const { session } = await until(() => seen[0]);
    expect(session.kind).toBe("webtransport");
    expect(session.protocol).toBe("moq-lite-05");
    expect(session.path).toBe("/live/room?jwt=abc");
    expect(requests[0]?.protocols).toEqual(["moq-lite-05", "moq-lite-04"]);
    expect(requests[0]?.origin).toBe(chromium.origin);
    expect(session.maxDatagramBytes).toBeGreaterThan(1_000);
  });

  test("opens a session without any subprotocol", async () => {
    expect(await open([])).toBe("");
    expect((await until(() => seen[0])).session.protocol).toBe("");
  });

  test("is told when the server refuses", async () => {
    decide = () => undefined;
    await expect(open(["moq-lite-05"])).rejects.toThrow(/handshake failed/i);
    expect(seen).toEqual([]);
  });

  test("carries streams and datagrams both ways", async () => {
    await open(["moq-lite-05"]);
    const { session, uni, bidi, datagrams } = await until(() => seen[0]);
    const answer = tab.page.evaluate(async () => {
      const { session: transport } = globalThis as unknown as PageScope;
      const text = new TextEncoder();
      const sending = await transport.createUnidirectionalStream();
      const writer = sending.getWriter();
      await writer.write(text.encode("from the page"));
      await writer.close();
      const datagrams = transport.datagrams.writable.getWriter();
      await datagrams.write(text.encode("datagram"));
      const both = await transport.createBidirectionalStream();
      const question = both.writable.getWriter();
      await question.write(text.encode("question"));
      await question.close();
      const reply = await new Response(both.readable).text();
      const incoming = await transport.incomingUnidirectionalStreams.getReader().read();
      const pushed = await new Response(incoming.value).text();
      const received = await transport.datagrams.readable.getReader().read();
      return { reply, pushed, datagram: new TextDecoder().decode(received.value) };
    });
    const asked = await until(() => bidi[0]);
    asked.write(Buffer.from("answer"));
    asked.finish();
    const pushed = session.openUni(200);
    pushed?.write(Buffer.from("from the server"));
    pushed?.finish();
    session.sendDatagram(Buffer.from("hello"));
    expect(await answer).toEqual({ reply: "answer", pushed: "from the server", datagram: "hello" });
    await until(() => (uni[0]?.fin === true && datagrams.length > 0 ? true : undefined));
    expect(uni[0]?.text).toBe("from the page");
    expect(datagrams).toEqual(["datagram"]);
  });

  test("maps the codes of resets and stops", async () => {
    await open(["moq-lite-05"]);
    const { session, uni } = await until(() => seen[0]);
    const stops: number[] = [];
    const code = tab.page.evaluate(async (delayMs) => {
      const { session: transport } = globalThis as unknown as PageScope;
      const outgoing = await transport.createUnidirectionalStream();
      const writer = outgoing.getWriter();
      await writer.write(Uint8Array.of(1));
      const reader = transport.incomingUnidirectionalStreams.getReader();
      const first = (await reader.read()).value as ReadableStream<Uint8Array>;
      await first.getReader().read();
      await writer.abort(new WebTransportError({ message: "abort", streamErrorCode: 31 } as never));
      const second = (await reader.read()).value as ReadableStream<Uint8Array>;
      const secondReader = second.getReader();
      await secondReader.read();
      // Stopped in the packet that acknowledges its data, the engine would forget the stream with its code.
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await secondReader.cancel(new WebTransportError({ message: "stop", streamErrorCode: 24 } as never));
      const third = (await reader.read()).value as ReadableStream<Uint8Array>;
      const thirdReader = third.getReader();
      await thirdReader.read();
      Object.assign(globalThis, { third: true });
      try {
        for (;;) if ((await thirdReader.read()).done) return undefined;
      } catch (error) {
        return (error as unknown as { streamErrorCode: number }).streamErrorCode;
      }
    }, ACKNOWLEDGEMENT_DELAY_MS);
    // A reset that overtakes the first bytes would take the stream's preamble with it.
    await until(() => (uni[0]?.text === undefined || uni[0].text === "" ? undefined : true));
    session.openUni()?.write(Uint8Array.of(1));
    await until(() => uni[0]?.reset);
    expect(uni[0]?.reset).toBe(31);
    const stopped = session.openUni();
    if (stopped === undefined) throw new Error("no stream");
    stopped.handler = { onDrain: () => {}, onStop: (received) => stops.push(received) };
    stopped.write(Uint8Array.of(2));
    await until(() => stops[0]);
    expect(stops).toEqual([24]);
    const reset = session.openUni();
    reset?.write(Uint8Array.of(3));
    await until(() => (session.stats().bufferedBytes === 0 ? true : undefined));
    await tab.page.waitForFunction(() => "third" in globalThis);
    reset?.reset(30);
    expect(await code).toBe(30);
  });

  test("hears code and reason when the server closes, and the server when the page does", async () => {
    await open(["moq-lite-05"]);
    const first = await until(() => seen[0]);
    const closed = tab.page.evaluate(async () => {
      const info = await (globalThis as unknown as PageScope).session.closed;
      return { code: info.closeCode, reason: info.reason };
    });
    first.session.close(17, "gone for lunch");
    expect(await closed).toEqual({ code: 17, reason: "gone for lunch" });
    expect((await until(() => first.close)).remote).toBe(false);
    await open(["moq-lite-05"]);
    const second = await until(() => seen[1]);
    await tab.page.evaluate(() =>
      (globalThis as unknown as PageScope).session.close({ closeCode: 7, reason: "bye" }),
    );
    expect(await until(() => second.close)).toEqual({ code: 7, reason: "bye", remote: true });
  });

  // Streams that Chromium has to end by itself then can crash its page.
  test("hears that the streams are reset before the session that they belong to closes", async () => {
    await open(["moq-lite-05"]);
    const { session } = await until(() => seen[0]);
    const stream = session.openUni();
    stream?.write(Uint8Array.of(4));
    await tab.page.evaluate(async () => {
      const { session: transport } = globalThis as unknown as PageScope;
      const reader = (await transport.incomingUnidirectionalStreams.getReader().read()).value?.getReader();
      await reader?.read();
      const ends: string[] = [];
      const streamEnd = reader?.read().catch((error: WebTransportError) => ends.push(error.source));
      const sessionEnd = transport.closed.then(() => ends.push("closed"));
      Object.assign(globalThis, { ends: Promise.all([streamEnd, sessionEnd]).then(() => ends) });
    });
    session.close(17, "gone for lunch");
    expect(
      await tab.page.evaluate(() => (globalThis as unknown as { ends: Promise<string[]> }).ends),
    ).toEqual(["stream", "closed"]);
  });

  test("takes a thousand streams, each as its predecessors end", async () => {
    await open(["moq-lite-05"]);
    const { session } = await until(() => seen[0]);
    const received = tab.page.evaluate(async () => {
      const reader = (globalThis as unknown as PageScope).session.incomingUnidirectionalStreams.getReader();
      let bytes = 0;
      for (let count = 0; count < 1_000; count += 1) {
        const { value } = await reader.read();
        bytes += (await new Response(value).arrayBuffer()).byteLength;
      }
      return bytes;
    });
    const payload = new Uint8Array(3_000);
    let opened = 0;
    const openMore = (): void => {
      while (opened < 1_000) {
        const stream = session.openUni();
        if (stream === undefined) return;
        opened += 1;
        stream.write(payload);
        stream.finish();
      }
    };
    if (session.handler !== undefined) session.handler.onStreamsAvailable = openMore;
    openMore();
    expect(opened).toBeLessThan(1_000);
    expect(await received).toBe(3_000_000);
  });
});

/** What the page keeps in its global scope. */
interface PageScope {
  session: WebTransport;
  open(address: string, hash: string, protocols: readonly string[]): Promise<string | undefined>;
}

function watch(session: Session): Seen {
  const record: Seen = { session, uni: [], bidi: [], datagrams: [], close: undefined };
  const decoder = new TextDecoder();
  session.handler = {
    onUniStream: (stream) => {
      const entry = { stream, text: "", fin: false, reset: undefined as number | undefined };
      record.uni.push(entry);
      stream.receiver = {
        onData: (bytes, fin) => {
          entry.text += decoder.decode(bytes);
          entry.fin = fin;
        },
        onReset: (code) => {
          entry.reset = code;
        },
      };
    },
    onBidiStream: (stream) => {
      stream.receiver = {
        onData: (_bytes, fin) => {
          if (fin) record.bidi.push(stream);
        },
        onReset: () => {},
      };
    },
    onDatagram: (bytes) => record.datagrams.push(decoder.decode(bytes)),
    onStreamsAvailable: () => {},
    onClose: (close) => {
      record.close = close;
    },
  };
  return record;
}
