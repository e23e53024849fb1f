import { describe, expect, it } from "vitest";
import { FrameQueue } from "./frame-queue.ts";

class TestFrame {
  isClosed = false;
  readonly timestamp: number;
  constructor(timestamp: number) {
    this.timestamp = timestamp;
  }
  close(): void {
    this.isClosed = true;
  }
}

const NO_EVENT = Number.POSITIVE_INFINITY;

describe("FrameQueue", () => {
  it("presents in order of time although decoders may hand out in another", () => {
    const queue = new FrameQueue<TestFrame>();
    for (const timestamp of [30, 10, 20]) queue.push(new TestFrame(timestamp));
    expect(
      [queue.takeDue(10, NO_EVENT), queue.takeDue(20, NO_EVENT), queue.takeDue(30, NO_EVENT)].map(
        (frame) => frame?.timestamp,
      ),
    ).toEqual([10, 20, 30]);
    expect(queue.takeDue(40, NO_EVENT)).toBeUndefined();
  });

  it("gives the newest due frame and closes the ones before", () => {
    const queue = new FrameQueue<TestFrame>();
    const frames = [10, 20, 30].map((timestamp) => new TestFrame(timestamp));
    for (const frame of frames) queue.push(frame);
    expect(queue.takeDue(25, NO_EVENT)?.timestamp).toBe(20);
    expect(frames.map((frame) => frame.isClosed)).toEqual([true, false, false]);
    expect(queue.lateFrames).toBe(1);
  });

  it("closes what waits when another track has presented it meanwhile", () => {
    const queue = new FrameQueue<TestFrame>();
    const frames = [10, 20, 30].map((timestamp) => new TestFrame(timestamp));
    for (const frame of frames) queue.push(frame);
    queue.setFloor(20);
    expect(frames.map((frame) => frame.isClosed)).toEqual([true, true, false]);
    expect(queue.takeDue(40, NO_EVENT)?.timestamp).toBe(30);
  });

  it("never goes back behind what it gave", () => {
    const queue = new FrameQueue<TestFrame>();
    queue.push(new TestFrame(20));
    queue.takeDue(20, NO_EVENT);
    const late = new TestFrame(15);
    queue.push(late);
    expect(late.isClosed).toBe(true);
    queue.clear(true);
    queue.push(new TestFrame(5));
    expect(queue.length).toBe(1);
  });

  it("keeps only the newest of the due frames while catching up", () => {
    const queue = new FrameQueue<TestFrame>();
    for (const timestamp of [10, 20, 30, 40]) queue.push(new TestFrame(timestamp));
    queue.keepNewestDue(30, NO_EVENT);
    expect(queue.length).toBe(2);
    expect(queue.firstUs).toBe(30);
  });

  it("passes over no frame on which something happens", () => {
    const queue = new FrameQueue<TestFrame>();
    for (const timestamp of [10, 20, 30, 40, 50]) queue.push(new TestFrame(timestamp));
    queue.keepNewestDue(50, 15);
    expect(queue.firstUs).toBe(20);
    expect(queue.takeDue(50, 15)?.timestamp).toBe(20);
    expect(queue.takeDue(50, 31)?.timestamp).toBe(40);
    expect(queue.takeDue(50, NO_EVENT)?.timestamp).toBe(50);
  });
});
