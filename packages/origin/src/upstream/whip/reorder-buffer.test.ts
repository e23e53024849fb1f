import { describe, expect, it } from "vitest";
import { ReorderBuffer, type ReorderBufferOptions } from "./reorder-buffer.ts";

const OPTIONS: ReorderBufferOptions = {
  capacity: 64,
  maxBytes: 10_000,
  maxWaitMs: 300,
  asksForMissing: true,
};

function buffer(options: Partial<ReorderBufferOptions> = {}) {
  const out: number[] = [];
  const inner = new ReorderBuffer(
    { ...OPTIONS, ...options },
    {
      onPacket: (packet) => out.push(((packet[0] ?? 0) << 8) | (packet[1] ?? 0)),
      onRestart: () => out.push(-1),
    },
  );
  const push = (sequence: number, nowMs = 0, bytes = 2): void => {
    const packet = new Uint8Array(bytes);
    packet[0] = sequence >> 8;
    packet[1] = sequence;
    inner.push(packet, sequence, nowMs);
  };
  const requests = (nowMs: number): number[] => {
    const into: number[] = [];
    inner.collectRequests(nowMs, into);
    return into;
  };
  return { inner, out, push, requests };
}

describe("ReorderBuffer", () => {
  it("lets packets in order through at once, over the wrap", () => {
    const { out, push, inner } = buffer();
    for (const sequence of [65_534, 65_535, 0, 1]) push(sequence);
    expect(out).toEqual([65_534, 65_535, 0, 1]);
    expect(inner.waits).toBe(false);
  });

  it("brings packets into order and passes duplicates over", () => {
    const { out, push, inner } = buffer();
    for (const sequence of [10, 12, 12, 14, 13, 11, 11, 10, 15]) push(sequence);
    expect(out).toEqual([10, 11, 12, 13, 14, 15]);
    expect([inner.recovered, inner.late, inner.lost]).toEqual([2, 3, 0]);
  });

  it("waits for a missing packet only so long", () => {
    const { out, push, inner } = buffer();
    push(1, 0);
    push(4, 100);
    for (let nowMs = 19; nowMs < 400; nowMs += 20) inner.tick(nowMs);
    expect(out).toEqual([1]);
    inner.tick(400);
    expect(out).toEqual([1, 4]);
    push(2, 401);
    expect([inner.lost, inner.late]).toEqual([2, 1]);
  });

  it("does not count a pause of its own process: what came meanwhile is yet to be read", () => {
    const { out, push, requests, inner } = buffer();
    push(1, 0);
    push(3, 0);
    inner.tick(5);
    inner.tick(1_005);
    expect(out).toEqual([1]);
    expect(requests(1_005)).toEqual([2]);
    push(2, 1_006);
    expect(out).toEqual([1, 2, 3]);
    push(5, 1_010);
    for (let nowMs = 1_025; nowMs < 1_310; nowMs += 20) inner.tick(nowMs);
    expect(out).toEqual([1, 2, 3]);
    inner.tick(1_310);
    expect(out).toEqual([1, 2, 3, 5]);
  });

  it("asks for what is missing after a moment, again after a round trip, and not for ever", () => {
    const { push, requests } = buffer({ maxWaitMs: 10_000 });
    push(1, 0);
    push(4, 0);
    expect(requests(5)).toEqual([]);
    expect(requests(10)).toEqual([2, 3]);
    expect(requests(50)).toEqual([]);
    push(3, 60);
    let asked = 1;
    for (let nowMs = 70; nowMs < 5_000; nowMs += 20) asked += requests(nowMs).length;
    expect(asked).toBe(5);
  });

  it("asks for nothing where the sender keeps nothing", () => {
    const { push, requests } = buffer({ asksForMissing: false });
    push(1);
    push(4);
    expect(requests(1_000)).toEqual([]);
  });

  it("is bounded in packets: the oldest gap is given up", () => {
    const { out, push, inner } = buffer();
    push(0);
    for (let sequence = 2; sequence < 64; sequence += 1) push(sequence);
    expect(out).toEqual([0]);
    push(65);
    expect(out.slice(0, 3)).toEqual([0, 2, 3]);
    expect(inner.lost).toBe(1);
    expect(out).not.toContain(65);
  });

  it("is bounded in bytes", () => {
    const { out, push } = buffer();
    push(0);
    for (let sequence = 2; sequence < 10; sequence += 1) push(sequence, 0, 1_200);
    expect(out).toEqual([0]);
    push(10, 0, 1_200);
    expect(out).toHaveLength(10);
  });

  it("begins anew when the numbers go back for good, not for a few old packets", () => {
    const { out, push } = buffer();
    for (let sequence = 5_000; sequence < 5_003; sequence += 1) push(sequence);
    for (let sequence = 10; sequence < 25; sequence += 1) push(sequence);
    push(5_003);
    expect(out).toEqual([5_000, 5_001, 5_002, 5_003]);
    for (let sequence = 10; sequence < 28; sequence += 1) push(sequence);
    expect(out.slice(4)).toEqual([-1, 25, 26, 27]);
  });

  it("begins anew after a jump past all that it could wait for", () => {
    const { out, push, inner } = buffer();
    push(0);
    push(2);
    push(5_000);
    push(5_001);
    expect(out).toEqual([0, 2, 5_000, 5_001]);
    expect(inner.lost).toBe(1);
  });
});
