import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type {
  BidiStream,
  ReceiveStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
} from "./session.ts";

/** A connected pair of a provider, and how to wait for it. */
export interface CompliancePair {
  readonly client: Session;
  readonly server: Session;
  /** Resolves when `condition` holds; rejects after a generous deadline. */
  settle(condition: () => boolean): Promise<void>;
  close(): Promise<void> | void;
}

/** Records what one end is told, in order. */
class Recorder implements SessionHandler {
  readonly uni: ReceiveStream[] = [];
  readonly bidi: BidiStream[] = [];
  readonly datagrams: Uint8Array[] = [];
  readonly closes: SessionClose[] = [];
  streamsAvailable = 0;
  callsAfterClose = 0;
  /** Called inside `onUniStream`/`onBidiStream`; the place to set a receiver. */
  accept: (stream: ReceiveStream | BidiStream) => void = () => {};

  onUniStream(stream: ReceiveStream): void {
    this.#count();
    this.uni.push(stream);
    this.accept(stream);
  }
  onBidiStream(stream: BidiStream): void {
    this.#count();
    this.bidi.push(stream);
    this.accept(stream);
  }
  onDatagram(bytes: Uint8Array): void {
    this.#count();
    this.datagrams.push(bytes.slice());
  }
  onStreamsAvailable(): void {
    this.#count();
    this.streamsAvailable++;
  }
  onClose(close: SessionClose): void {
    this.#count();
    this.closes.push(close);
  }
  #count(): void {
    if (this.closes.length > 0) {
      this.callsAfterClose++;
    }
  }
}

/** Collects one receiving half. */
class Collector {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  calls = 0;
  fins = 0;
  resetCode: number | undefined;

  constructor(stream: ReceiveStream) {
    stream.receiver = {
      onData: (bytes, fin) => {
        this.calls++;
        this.bytes += bytes.length;
        this.pieces.push(bytes.slice());
        this.fins += fin ? 1 : 0;
      },
      onReset: (code) => {
        this.calls++;
        this.resetCode = code;
      },
    };
  }

  get content(): Uint8Array {
    const all = new Uint8Array(this.bytes);
    let offset = 0;
    for (const piece of this.pieces) {
      all.set(piece, offset);
      offset += piece.length;
    }
    return all;
  }
}

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

function defined<T>(value: T | undefined): T {
  expect(value).toBeDefined();
  return value as T;
}

/** Position of the first difference, -1 if equal: `toEqual` takes seconds on megabytes. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) {
      return index;
    }
  }
  return -1;
}

/** Writes `source` in `chunkBytes` steps, obeying the high-water mark; returns how often it had to wait. */
function writeAll(stream: SendStream, source: Uint8Array, chunkBytes: number): { waits: number } {
  const progress = { waits: 0 };
  let offset = 0;
  const writeMore = (): void => {
    while (offset < source.length) {
      const chunk = source.subarray(offset, offset + chunkBytes);
      offset += chunk.length;
      if (!stream.write(chunk) && offset < source.length) {
        progress.waits++;
        return;
      }
    }
    stream.finish();
  };
  stream.handler = { onDrain: writeMore, onStop: () => {} };
  writeMore();
  return progress;
}

const FIVE_MEGABYTES = 5 * 1024 * 1024;
/** No provider under test allows as many streams at once. */
const MORE_STREAMS_THAN_ALLOWED = 20_000;

/** What every provider of `Session` does. Call it once per provider and way of connecting. */
export function sessionComplianceSuite(name: string, createPair: () => Promise<CompliancePair>): void {
  describe(`${name} fulfils the session contract`, () => {
    let pair: CompliancePair;
    let client: Recorder;
    let server: Recorder;

    beforeEach(async () => {
      pair = await createPair();
      client = new Recorder();
      server = new Recorder();
      pair.client.handler = client;
      pair.server.handler = server;
    });

    afterEach(async () => {
      await pair.close();
    });

    const ends = (from: string) =>
      from === "client"
        ? { sender: pair.client, receiver: server, senderRecorder: client, receiverSession: pair.server }
        : { sender: pair.server, receiver: client, senderRecorder: server, receiverSession: pair.client };

    /** Opens a unidirectional stream and waits until the other side has it. */
    const openedUni = async (
      from: string,
    ): Promise<{ send: SendStream; collected: Collector; receive: ReceiveStream }> => {
      const { sender, receiver } = ends(from);
      const collectors: Collector[] = [];
      receiver.accept = (stream) => collectors.push(new Collector(stream));
      const send = defined(sender.openUni());
      send.write(Uint8Array.of(1));
      await pair.settle(() => collectors.length === 1 && defined(collectors[0]).bytes === 1);
      return { send, collected: defined(collectors[0]), receive: defined(receiver.uni.at(-1)) };
    };

    for (const from of ["client", "server"]) {
      describe(`opened by the ${from}`, () => {
        test("a unidirectional stream carries bytes and FIN", async () => {
          const { send, collected } = await openedUni(from);
          send.write(Uint8Array.of(2, 3));
          send.finish();
          await pair.settle(() => collected.fins === 1);
          expect([...collected.content]).toEqual([1, 2, 3]);
        });

        test("a bidirectional stream carries bytes both ways and each half ends by itself", async () => {
          const { sender, receiver } = ends(from);
          let remote: Collector | undefined;
          receiver.accept = (stream) => {
            remote = new Collector(stream);
          };
          const stream = defined(sender.openBidi());
          const local = new Collector(stream);
          stream.write(Uint8Array.of(1, 2));
          stream.finish();
          await pair.settle(() => remote?.fins === 1);
          const answer = defined(receiver.bidi[0]);
          answer.write(Uint8Array.of(3));
          await pair.settle(() => local.bytes === 1);
          expect(local.fins).toBe(0);
          answer.write(Uint8Array.of(4));
          answer.finish();
          await pair.settle(() => local.fins === 1);
          expect([...defined(remote).content]).toEqual([1, 2]);
          expect([...local.content]).toEqual([3, 4]);
        });

        test("five megabytes arrive in order through backpressure", async () => {
          const source = pattern(FIVE_MEGABYTES, 7);
          const { send, collected } = await openedUni(from);
          writeAll(send, source, 64 * 1024);
          await pair.settle(() => collected.fins === 1);
          expect(collected.bytes).toBe(FIVE_MEGABYTES + 1);
          expect(firstDifference(collected.content.subarray(1), source)).toBe(-1);
          expect(send.bufferedBytes).toBe(0);
        });

        test("a paused receiver holds the sender back until it resumes", async () => {
          const source = pattern(FIVE_MEGABYTES, 8);
          const { send, collected, receive } = await openedUni(from);
          receive.pause();
          const progress = writeAll(send, source, 64 * 1024);
          await pair.settle(() => progress.waits > 0);
          const { sender } = ends(from);
          expect(sender.stats().bufferedBytes).toBeGreaterThan(0);
          expect(collected.fins).toBe(0);
          expect(collected.bytes).toBeLessThan(FIVE_MEGABYTES);
          receive.resume();
          await pair.settle(() => collected.fins === 1);
          expect(firstDifference(collected.content.subarray(1), source)).toBe(-1);
        });

        test("FIN without bytes is delivered once", async () => {
          const { send, collected } = await openedUni(from);
          send.finish();
          await pair.settle(() => collected.fins === 1);
          expect(collected.bytes).toBe(1);
          send.finish();
          send.write(Uint8Array.of(9));
          send.reset(3);
          const { send: other, collected: otherCollected } = await openedUni(from);
          other.finish();
          await pair.settle(() => otherCollected.fins === 1);
          expect(collected.fins).toBe(1);
          expect(collected.bytes).toBe(1);
          expect(collected.resetCode).toBeUndefined();
        });

        test("a stream that is finished before anything was written is still delivered", async () => {
          const { sender, receiver } = ends(from);
          let collected: Collector | undefined;
          receiver.accept = (stream) => {
            collected = new Collector(stream);
          };
          defined(sender.openUni()).finish();
          await pair.settle(() => collected?.fins === 1);
          expect(collected?.bytes).toBe(0);
        });

        test("an empty write changes nothing", async () => {
          const { send, collected } = await openedUni(from);
          expect(send.write(new Uint8Array(0))).toBe(true);
          send.write(Uint8Array.of(2));
          send.write(new Uint8Array(0));
          send.finish();
          await pair.settle(() => collected.fins === 1);
          expect([...collected.content]).toEqual([1, 2]);
        });

        test.each([0, 2, 30, 31, 4_096])("a reset carries code %i", async (code) => {
          const { send, collected } = await openedUni(from);
          send.reset(code);
          await pair.settle(() => collected.resetCode !== undefined);
          expect(collected.resetCode).toBe(code);
          expect(collected.fins).toBe(0);
          send.write(Uint8Array.of(1));
          send.finish();
          expect(send.bufferedBytes).toBe(0);
        });

        test.each([0, 24, 61])("a stop carries code %i, and nothing is delivered after it", async (code) => {
          const { send, collected, receive } = await openedUni(from);
          const stops: number[] = [];
          send.handler = { onDrain: () => {}, onStop: (received) => stops.push(received) };
          receive.stop(code);
          const callsBefore = collected.calls;
          send.write(Uint8Array.of(2));
          await pair.settle(() => stops.length === 1);
          expect(stops).toEqual([code]);
          expect(collected.calls).toBe(callsBefore);
          send.write(Uint8Array.of(3));
          expect(send.bufferedBytes).toBe(0);
        });

        test("both halves of a bidirectional stream can be refused with a code", async () => {
          const { sender, receiver } = ends(from);
          const stops: number[] = [];
          receiver.accept = (stream) => {
            stream.stop(13);
            (stream as BidiStream).reset(13);
          };
          const stream = defined(sender.openBidi());
          const local = new Collector(stream);
          stream.handler = { onDrain: () => {}, onStop: (code) => stops.push(code) };
          stream.write(Uint8Array.of(1));
          await pair.settle(() => stops.length === 1 && local.resetCode !== undefined);
          expect(stops).toEqual([13]);
          expect(local.resetCode).toBe(13);
        });

        test("data that came before the receiver was set waits for it", async () => {
          const { sender, receiver } = ends(from);
          const send = defined(sender.openUni());
          send.write(Uint8Array.of(1, 2, 3));
          send.finish();
          await pair.settle(() => receiver.uni.length === 1);
          const collected = new Collector(defined(receiver.uni[0]));
          expect(collected.calls).toBe(0);
          await pair.settle(() => collected.fins === 1);
          expect([...collected.content]).toEqual([1, 2, 3]);
        });

        test("datagrams arrive whole, and one that is too large is refused", async () => {
          const { sender, receiver } = ends(from);
          expect(sender.maxDatagramBytes).toBeGreaterThan(0);
          expect(sender.sendDatagram(new Uint8Array(sender.maxDatagramBytes + 1))).toBe(false);
          expect(sender.sendDatagram(pattern(500, 3))).toBe(true);
          await pair.settle(() => receiver.datagrams.length === 1);
          expect(receiver.datagrams[0]).toEqual(pattern(500, 3));
        });

        test("one buffer can be written to two streams", async () => {
          const { sender, receiver } = ends(from);
          const collectors: Collector[] = [];
          receiver.accept = (stream) => collectors.push(new Collector(stream));
          const shared = pattern(300_000, 11);
          for (let index = 0; index < 2; index++) {
            const stream = defined(sender.openUni());
            stream.write(shared);
            stream.finish();
          }
          await pair.settle(() => collectors.length === 2 && collectors.every((item) => item.fins === 1));
          for (const collected of collectors) {
            expect(firstDifference(collected.content, shared)).toBe(-1);
          }
          expect(firstDifference(shared, pattern(300_000, 11))).toBe(-1);
        });

        test("five hundred small streams all arrive", async () => {
          const { sender, receiver, senderRecorder } = ends(from);
          const collectors: Collector[] = [];
          receiver.accept = (stream) => collectors.push(new Collector(stream));
          let opened = 0;
          const openMore = (): void => {
            while (opened < 500) {
              const stream = sender.openUni();
              if (stream === undefined) {
                return;
              }
              stream.write(Uint8Array.of(opened >> 8, opened & 255));
              stream.finish();
              opened++;
            }
          };
          senderRecorder.onStreamsAvailable = openMore;
          openMore();
          await pair.settle(() => collectors.length === 500 && collectors.every((item) => item.fins === 1));
          const numbers = collectors.map((item) => ((item.content[0] ?? 0) << 8) | (item.content[1] ?? 0));
          expect(new Set(numbers).size).toBe(500);
          expect(numbers.every((number) => number < 500)).toBe(true);
        });

        test.each(["uni", "bidi"])("the limit of open %s streams is reported, and lifted", async (kind) => {
          const { sender, receiver, senderRecorder } = ends(from);
          receiver.accept = (stream) => {
            new Collector(stream);
            if (kind === "bidi") {
              (stream as BidiStream).finish();
            }
          };
          const open = () => (kind === "uni" ? sender.openUni() : sender.openBidi());
          const opened: SendStream[] = [];
          for (;;) {
            const stream = open();
            if (stream === undefined) {
              break;
            }
            opened.push(stream);
            if (kind === "bidi") {
              new Collector(stream as BidiStream);
            }
            expect(opened.length).toBeLessThan(MORE_STREAMS_THAN_ALLOWED);
          }
          expect(senderRecorder.streamsAvailable).toBe(0);
          for (const stream of opened) {
            stream.write(Uint8Array.of(1));
            stream.finish();
          }
          await pair.settle(() => senderRecorder.streamsAvailable > 0);
          expect(open()).toBeDefined();
        });

        test("a stream of higher priority overtakes a backlog", async () => {
          const { sender, receiver } = ends(from);
          const collectors: Collector[] = [];
          let lowBytesWhenHighWasDone = -1;
          receiver.accept = (stream) => collectors.push(new Collector(stream));
          const low = defined(sender.openUni(10));
          low.write(pattern(1024 * 1024, 1));
          low.finish();
          const high = defined(sender.openUni(200));
          high.write(Uint8Array.of(42));
          high.finish();
          await pair.settle(() => {
            const done = collectors.find((item) => item.bytes === 1 && item.fins === 1);
            if (done !== undefined && lowBytesWhenHighWasDone < 0) {
              lowBytesWhenHighWasDone = collectors.find((item) => item !== done)?.bytes ?? 0;
            }
            return collectors.length === 2 && collectors.every((item) => item.fins === 1);
          });
          expect(lowBytesWhenHighWasDone).toBeLessThanOrEqual(1024 * 1024);
          low.setPriority(3);
        });

        test("closing carries code and reason, and nothing is called after it", async () => {
          const { sender, senderRecorder, receiver, receiverSession } = ends(from);
          const { send, collected } = await openedUni(from);
          send.write(pattern(10_000, 1));
          sender.close(17, "gone for lunch");
          sender.close(18, "again");
          expect(sender.closed).toBe(true);
          expect(senderRecorder.closes).toEqual([]);
          await pair.settle(() => receiver.closes.length === 1 && senderRecorder.closes.length === 1);
          expect(receiver.closes[0]).toEqual({ code: 17, reason: "gone for lunch", remote: true });
          expect(senderRecorder.closes[0]).toEqual({ code: 17, reason: "gone for lunch", remote: false });
          expect(receiverSession.closed).toBe(true);
          const callsAtClose = collected.calls;
          for (const session of [sender, receiverSession]) {
            session.close(1, "late");
            session.ping();
            expect(session.openUni()).toBeUndefined();
            expect(session.openBidi()).toBeUndefined();
            expect(session.sendDatagram(Uint8Array.of(1))).toBe(false);
          }
          send.write(Uint8Array.of(1));
          send.finish();
          send.reset(1);
          send.setPriority(1);
          defined(receiver.uni[0]).stop(1);
          defined(receiver.uni[0]).resume();
          await pair.settle(() => true);
          expect(collected.calls).toBe(callsAtClose);
          expect([client.callsAfterClose, server.callsAfterClose]).toEqual([0, 0]);
        });
      });
    }

    test("no handler is called from inside the caller's own call", async () => {
      const { send, receive } = await openedUni("client");
      let inside = false;
      const violations: string[] = [];
      const watch = (name: string) => () => {
        if (inside) {
          violations.push(name);
        }
      };
      send.handler = { onDrain: watch("onDrain"), onStop: watch("onStop") };
      receive.receiver = { onData: watch("onData"), onReset: watch("onReset") };
      for (const recorder of [client, server]) {
        recorder.onStreamsAvailable = watch("onStreamsAvailable");
        recorder.onUniStream = watch("onUniStream");
      }
      inside = true;
      send.write(pattern(2_000_000, 1));
      pair.client.openUni()?.write(Uint8Array.of(1));
      pair.client.sendDatagram(Uint8Array.of(1));
      receive.pause();
      receive.resume();
      receive.stop(1);
      send.reset(1);
      pair.client.close(0, "");
      inside = false;
      await pair.settle(() => client.closes.length === 1 && server.closes.length === 1);
      expect(violations).toEqual([]);
    });

    test("statistics count what was carried", async () => {
      const { send, collected } = await openedUni("client");
      send.write(pattern(100_000, 2));
      send.finish();
      await pair.settle(() => collected.fins === 1);
      const sent = pair.client.stats();
      const received = pair.server.stats();
      expect(sent.sentBytes).toBeGreaterThanOrEqual(100_000);
      expect(received.receivedBytes).toBeGreaterThanOrEqual(100_000);
      for (const stats of [sent, received]) {
        for (const value of Object.values(stats)) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(Number.isNaN(value)).toBe(false);
        }
      }
      expect(sent.bufferedBytes).toBe(0);
      expect(sent.sentPackets).toBeGreaterThan(0);
    });

    test("both ends report the same protocol and different ids", () => {
      expect(pair.client.protocol).toBe(pair.server.protocol);
      expect(pair.client.id).not.toBe(pair.server.id);
      expect(pair.client.closed).toBe(false);
    });
  });
}
