import { expect, test } from "vitest";
import type { BidiStream } from "../session.ts";
import { type Direction, defined } from "./direction-suite.ts";
import { Collector } from "./recorder-suite.ts";

/** How either side gives a stream up, and that the other hears why. */
export function streamRefusalSuite(direction: () => Direction): void {
  test.each([0, 2, 30, 31, 4_096])("a reset carries code %i", async (code) => {
    const way = direction();
    const { send, collected } = await way.openUni();
    send.reset(code);
    await way.pair.settle(() => collected.resetCode !== undefined);
    expect(collected.resetCode).toBe(code);
    expect(collected.fins).toBe(0);
    send.write(Uint8Array.of(1));
    send.finish();
    expect(send.bufferedBytes).toBe(0);
  });

  test.each([0, 24, 61])("a stop carries code %i, and nothing is delivered after it", async (code) => {
    const way = direction();
    const { send, collected, receive } = await way.openUni();
    const stops: number[] = [];
    send.handler = { onDrain: () => {}, onStop: (received) => stops.push(received) };
    receive.stop(code);
    const callsBefore = collected.calls;
    send.write(Uint8Array.of(2));
    await way.pair.settle(() => stops.length === 1);
    expect(stops).toEqual([code]);
    expect(collected.calls).toBe(callsBefore);
    send.write(Uint8Array.of(3));
    expect(send.bufferedBytes).toBe(0);
  });

  test("both halves of a bidirectional stream can be refused with a code", async () => {
    const { pair, sender, receiver } = direction();
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
}
