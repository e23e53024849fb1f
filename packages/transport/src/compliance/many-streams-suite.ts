import { expect, test } from "vitest";
import type { BidiStream, SendStream } from "../session.ts";
import { type Direction, defined, firstDifference, pattern } from "./direction-suite.ts";
import { Collector } from "./recorder-suite.ts";

/** No provider under test allows as many streams at once. */
const MORE_STREAMS_THAN_ALLOWED = 20_000;

/** Several streams at once: what they share, their limit and their order. */
export function manyStreamsSuite(direction: () => Direction): void {
  test("one buffer can be written to two streams", async () => {
    const { pair, sender, receiver } = direction();
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
    const { pair, sender, receiver, senderRecorder } = direction();
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
    const { pair, sender, receiver, senderRecorder } = direction();
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
    const { pair, sender, receiver } = direction();
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
}
