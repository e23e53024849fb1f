import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { FlvCounters } from "./flv-counters.ts";
import { type FlvResponse, FlvViewer } from "./flv-viewer.ts";

/** A response whose network takes what the test lets it take. */
class SlowResponse extends EventEmitter {
  writableLength = 0;
  readonly written: number[] = [];
  isEnded = false;

  write(chunk: Uint8Array): boolean {
    this.written.push(chunk[0] ?? -1);
    this.writableLength += chunk.byteLength;
    return true;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.emit("close");
  }
}

function setUp() {
  const response = new SlowResponse();
  const counters = new FlvCounters();
  const closed: FlvViewer[] = [];
  const viewer = new FlvViewer(
    { maxBufferedBytes: 100 },
    { response: response as unknown as FlvResponse, counters, onClosed: (one) => closed.push(one) },
  );
  return { response, counters, closed, viewer };
}

const chunk = (value: number, bytes = 60): Uint8Array => new Uint8Array(bytes).fill(value);

describe("FlvViewer", () => {
  it("passes everything on to one who keeps up", () => {
    const { response, counters, viewer } = setUp();
    viewer.begin([chunk(1), chunk(2)]);
    response.writableLength = 0;
    viewer.send(chunk(3), false);
    expect(response.written).toEqual([1, 2, 3]);
    expect(counters).toMatchObject({ sentBytes: 180, skips: 0 });
  });

  it("leaves out what a slow one cannot take, and goes on at a keyframe once he has caught up", () => {
    const { response, counters, viewer } = setUp();
    viewer.begin([chunk(1), chunk(2)]);
    viewer.send(chunk(3), false);
    viewer.send(chunk(4), false);
    viewer.send(chunk(5), true);
    response.writableLength = 0;
    viewer.send(chunk(6), false);
    viewer.send(chunk(7), true);
    viewer.send(chunk(8), false);
    expect(response.written).toEqual([1, 2, 7, 8]);
    expect(counters).toMatchObject({ skips: 1, groupsDropped: 2 });
  });

  it("closes one who takes nothing any more, after a while", () => {
    const { response, counters, closed, viewer } = setUp();
    viewer.begin([chunk(1), chunk(2)]);
    viewer.send(chunk(3), false);
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 1_000) viewer.tick(nowMs);
    expect(viewer.closed).toBe(false);
    // A little progress earns more patience.
    response.writableLength -= 1;
    for (let nowMs = 11_000; nowMs <= 21_000; nowMs += 1_000) viewer.tick(nowMs);
    expect(viewer.closed).toBe(false);
    for (let nowMs = 22_000; nowMs <= 23_000; nowMs += 1_000) viewer.tick(nowMs);
    expect([viewer.closed, counters.closedSlow, closed.length]).toEqual([true, 1, 1]);
    viewer.send(chunk(9), true);
    expect(response.written).toEqual([1, 2]);
  });

  it("lets what is on the way arrive when the stream is over", () => {
    const { response, closed, viewer } = setUp();
    viewer.finish();
    expect(response.isEnded).toBe(true);
    response.emit("close");
    expect([viewer.closed, closed.length]).toEqual([true, 1]);
  });

  it("gets nothing more once the stream is over, whoever comes back meanwhile", () => {
    const { response, viewer } = setUp();
    viewer.begin([chunk(1)]);
    viewer.finish();
    viewer.send(chunk(2), true);
    viewer.begin([chunk(3)]);
    expect(response.written).toEqual([1]);
  });

  it("does not wait for ever for one who does not take the end", () => {
    const { response, counters, viewer } = setUp();
    viewer.begin([chunk(1)]);
    viewer.finish();
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 1_000) viewer.tick(nowMs);
    response.writableLength -= 1;
    for (let nowMs = 11_000; nowMs <= 21_000; nowMs += 1_000) viewer.tick(nowMs);
    expect(viewer.closed).toBe(false);
    for (let nowMs = 22_000; nowMs <= 23_000; nowMs += 1_000) viewer.tick(nowMs);
    expect([viewer.closed, counters.closedSlow]).toEqual([true, 1]);
  });
});
