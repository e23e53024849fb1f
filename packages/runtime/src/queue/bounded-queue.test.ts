import { describe, expect, it } from "vitest";
import { BoundedQueue } from "./bounded-queue.ts";

describe("BoundedQueue", () => {
  it("gives items back in order, around the ring", () => {
    const queue = new BoundedQueue<number>({ capacity: 3, overflow: "drop-newest", onDrop: () => {} });
    for (let n = 0; n < 10; n += 1) {
      queue.push(n);
      queue.push(n + 100);
      expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([n, n + 100, undefined]);
    }
  });

  it.each([
    ["drop-oldest", [2, 3], [1]],
    ["drop-newest", [1, 2], [3]],
  ] as const)("settles and counts what does not fit: %s", (overflow, kept, dropped) => {
    const settled: number[] = [];
    const queue = new BoundedQueue<number>({ capacity: 2, overflow, onDrop: (item) => settled.push(item) });
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
    expect(queue.dropped).toBe(1);
    expect(settled).toEqual(dropped);
    expect([queue.shift(), queue.shift()]).toEqual(kept);
  });

  it("settles everything on clear", () => {
    const settled: number[] = [];
    const queue = new BoundedQueue<number>({
      capacity: 2,
      overflow: "drop-oldest",
      onDrop: (n) => settled.push(n),
    });
    queue.push(1);
    queue.clear();
    expect([settled, queue.size, queue.dropped]).toEqual([[1], 0, 0]);
  });
});
