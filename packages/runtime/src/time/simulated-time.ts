import type { Clock } from "./clock.ts";
import type { Scheduler } from "./scheduler.ts";

interface Entry {
  readonly atMs: number;
  /** Entries of one time run in the order in which they were made. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** Clock and timers of a simulation: time passes when told to, and everything due happens in order. */
export class SimulatedTime implements Scheduler, Clock {
  readonly #startMs: number;
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #order = 0;

  /** `startMs`: milliseconds since the Unix epoch at the simulation's beginning. */
  constructor(startMs = 1_800_000_000_000) {
    this.#startMs = startMs;
  }

  /** Wall-clock time. Its steady time, as a `Scheduler`, is the same. */
  nowMs(): number {
    return this.#startMs + this.#nowMs;
  }

  nowUs(): number {
    return Math.floor(this.nowMs() * 1_000);
  }

  /** Since the beginning, ms. */
  get elapsedMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run };
    this.#order += 1;
    this.#push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  /** Lets time pass. Promises are waited for after every instant, so that what they lead to happens in it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#nowMs = next.atMs;
      for (let due = next; due !== undefined && due.atMs <= this.#nowMs; due = this.#heap[0] as Entry) {
        this.#pop();
        due.run?.();
      }
      await settle();
    }
    this.#nowMs = endMs;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

/** Every microtask that is pending, and those that come of it, has run when this resolves. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
