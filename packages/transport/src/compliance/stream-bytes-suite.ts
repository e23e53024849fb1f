import { expect, test } from "vitest";
import type { SendStream } from "../session.ts";
import { type Direction, defined, firstDifference, pattern } from "./direction-suite.ts";
import { Collector } from "./recorder-suite.ts";

const FIVE_MEGABYTES = 5 * 1024 * 1024;

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

/** What arrives of a stream, and in which order. */
export function streamBytesSuite(direction: () => Direction): void {
  test("a unidirectional stream carries bytes and FIN", async () => {
    const way = direction();
    const { send, collected } = await way.openUni();
    send.write(Uint8Array.of(2, 3));
    send.finish();
    await way.pair.settle(() => collected.fins === 1);
    expect([...collected.content]).toEqual([1, 2, 3]);
  });

  test("a bidirectional stream carries bytes both ways and each half ends by itself", async () => {
    const { pair, sender, receiver } = direction();
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
    const way = direction();
    const source = pattern(FIVE_MEGABYTES, 7);
    const { send, collected } = await way.openUni();
    writeAll(send, source, 64 * 1024);
    await way.pair.settle(() => collected.fins === 1);
    expect(collected.bytes).toBe(FIVE_MEGABYTES + 1);
    expect(firstDifference(collected.content.subarray(1), source)).toBe(-1);
    expect(send.bufferedBytes).toBe(0);
  });

  test("a paused receiver holds the sender back until it resumes", async () => {
    const way = direction();
    const source = pattern(FIVE_MEGABYTES, 8);
    const { send, collected, receive } = await way.openUni();
    receive.pause();
    const progress = writeAll(send, source, 64 * 1024);
    await way.pair.settle(() => progress.waits > 0);
    const { sender } = way;
    expect(sender.stats().bufferedBytes).toBeGreaterThan(0);
    expect(collected.fins).toBe(0);
    expect(collected.bytes).toBeLessThan(FIVE_MEGABYTES);
    receive.resume();
    await way.pair.settle(() => collected.fins === 1);
    expect(firstDifference(collected.content.subarray(1), source)).toBe(-1);
  });

  test("FIN without bytes is delivered once", async () => {
    const way = direction();
    const { send, collected } = await way.openUni();
    send.finish();
    await way.pair.settle(() => collected.fins === 1);
    expect(collected.bytes).toBe(1);
    send.finish();
    send.write(Uint8Array.of(9));
    send.reset(3);
    const { send: other, collected: otherCollected } = await way.openUni();
    other.finish();
    await way.pair.settle(() => otherCollected.fins === 1);
    expect(collected.fins).toBe(1);
    expect(collected.bytes).toBe(1);
    expect(collected.resetCode).toBeUndefined();
  });

  test("a stream that is finished before anything was written is still delivered", async () => {
    const { pair, sender, receiver } = direction();
    let collected: Collector | undefined;
    receiver.accept = (stream) => {
      collected = new Collector(stream);
    };
    defined(sender.openUni()).finish();
    await pair.settle(() => collected?.fins === 1);
    expect(collected?.bytes).toBe(0);
  });

  test("an empty write changes nothing", async () => {
    const way = direction();
    const { send, collected } = await way.openUni();
    expect(send.write(new Uint8Array(0))).toBe(true);
    send.write(Uint8Array.of(2));
    send.write(new Uint8Array(0));
    send.finish();
    await way.pair.settle(() => collected.fins === 1);
    expect([...collected.content]).toEqual([1, 2]);
  });

  test("data that came before the receiver was set waits for it", async () => {
    const { pair, sender, receiver } = direction();
    const send = defined(sender.openUni());
    send.write(Uint8Array.of(1, 2, 3));
    send.finish();
    await pair.settle(() => receiver.uni.length === 1);
    const collected = new Collector(defined(receiver.uni[0]));
    expect(collected.calls).toBe(0);
    await pair.settle(() => collected.fins === 1);
    expect([...collected.content]).toEqual([1, 2, 3]);
  });
}
