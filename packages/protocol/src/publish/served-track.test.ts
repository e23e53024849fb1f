import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../error-codes.ts";
import type { OutgoingGroup, SubscribeResponder } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";
import { ServedTrack } from "./served-track.ts";

const INFO = { priority: 60, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };

class RecordedGroup implements OutgoingGroup {
  bufferedBytes = 0;
  handler: OutgoingGroup["handler"];
  end: "open" | "finished" | number = "open";
  readonly frames: WireFrame[] = [];
  readonly sequence: number;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  writeFrame(frame: WireFrame): boolean {
    this.frames.push(frame);
    return true;
  }

  finish(): void {
    this.end = "finished";
  }

  abort(code: number): void {
    this.end = code;
  }

  setPriority(): void {}
}

class RecordedSubscriber implements SubscribeResponder {
  readonly broadcast = "live/x";
  readonly track = "video";
  readonly options = {
    priority: 0,
    ordered: false,
    maxLatencyMs: 0,
    startGroup: undefined,
    endGroup: undefined,
  };
  handler: SubscribeResponder["handler"];
  readonly groups: RecordedGroup[] = [];
  streamsLeft = 100;
  rejected: number | undefined;
  ended: number | undefined;

  accept(): void {}

  reject(code: number): void {
    this.rejected = code;
  }

  openGroup(sequence: number): OutgoingGroup | undefined {
    if (this.streamsLeft-- <= 0) return undefined;
    const group = new RecordedGroup(sequence);
    this.groups.push(group);
    return group;
  }

  drop(): void {}

  end(lastGroup: number | undefined): void {
    this.ended = lastGroup;
  }
}

function timestamps(group: RecordedGroup | undefined): number[] {
  return (group?.frames ?? []).map((frame) => frame.timestamp);
}

describe("ServedTrack", () => {
  it("numbers groups on from its start and finishes each before the next", () => {
    const track = new ServedTrack("video", INFO, 1000.7);
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.startGroup();
    track.write(1, Uint8Array.of(1));
    track.startGroup();
    expect(subscriber.groups.map((group) => [group.sequence, group.end])).toEqual([
      [1000, "finished"],
      [1001, "open"],
    ]);
  });

  it("gives a late subscriber the open group from its first frame", () => {
    const track = new ServedTrack("video", INFO, 1);
    track.startGroup();
    track.write(10, Uint8Array.of(1));
    track.write(20, Uint8Array.of(2));
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.write(30, Uint8Array.of(3));
    expect(timestamps(subscriber.groups[0])).toEqual([10, 20, 30]);
  });

  it("gives a late subscriber a finished group whole, such as the catalog", () => {
    const track = new ServedTrack("catalog.json", INFO, 1);
    track.startGroup();
    track.write(10, Uint8Array.of(1));
    track.finishGroup();
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    expect(timestamps(subscriber.groups[0])).toEqual([10]);
    expect(subscriber.groups[0]?.end).toBe("finished");
  });

  it("gives nothing of a forgotten group, and the next one whole", () => {
    const track = new ServedTrack("video", INFO, 1);
    track.startGroup();
    track.write(10, Uint8Array.of(1));
    track.forgetGroup();
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.write(20, Uint8Array.of(2));
    track.startGroup();
    track.write(30, Uint8Array.of(3));
    expect(subscriber.groups.map(timestamps)).toEqual([[30]]);
    expect(subscriber.groups[0]?.sequence).toBe(2);
  });

  it("cuts off a subscriber that is far behind, until the next group", () => {
    const track = new ServedTrack("video", INFO, 1);
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.startGroup();
    const [group] = subscriber.groups;
    if (group) group.bufferedBytes = 2 ** 21;
    track.write(10, Uint8Array.of(1));
    expect(group?.end).toBe(ERROR_CODES.dropped);
    expect(track.droppedGroups).toBe(1);
    track.startGroup();
    track.write(20, Uint8Array.of(2));
    expect(timestamps(subscriber.groups[1])).toEqual([20]);
  });

  it("skips a group for which no stream is free", () => {
    const track = new ServedTrack("video", INFO, 1);
    const subscriber = new RecordedSubscriber();
    subscriber.streamsLeft = 0;
    track.subscribe(subscriber);
    track.startGroup();
    track.write(10, Uint8Array.of(1));
    expect(track.droppedGroups).toBe(1);
  });

  it("forgets a subscriber that left, and stops a group that it does not want", () => {
    const track = new ServedTrack("video", INFO, 1);
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.startGroup();
    subscriber.groups[0]?.handler?.onStop(ERROR_CODES.cancel);
    track.write(10, Uint8Array.of(1));
    expect(subscriber.groups[0]?.frames).toEqual([]);
    subscriber.handler?.onClosed();
    expect(track.subscribers).toBe(0);
  });

  it("says which group was the last when it ends", () => {
    const track = new ServedTrack("video", INFO, 7);
    const subscriber = new RecordedSubscriber();
    track.subscribe(subscriber);
    track.startGroup();
    track.write(10, Uint8Array.of(1));
    track.end();
    expect(subscriber.ended).toBe(7);
    expect(subscriber.groups[0]?.end).toBe("finished");
  });

  it("refuses more subscribers than an origin can need", () => {
    const track = new ServedTrack("video", INFO, 1);
    const subscribers = Array.from({ length: 9 }, () => new RecordedSubscriber());
    for (const subscriber of subscribers) track.subscribe(subscriber);
    expect(subscribers.filter((subscriber) => subscriber.rejected !== undefined)).toHaveLength(1);
  });
});
