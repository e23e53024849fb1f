interface ClockTask {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface MemoryClockOptions {
  /** Unix milliseconds at the start. */
  readonly startMs?: number;
  /**
   * True: what is due now runs in a microtask by itself, so that code with promises needs no `advance` on links
   * without delay. Time still moves only by `advance` and `run`.
   */
  readonly automatic?: boolean;
}

/** A fixed start in 2027, so that media times of test runs are plausible wall-clock times and repeat exactly. */
const DEFAULT_START_MS = 1_800_000_000_000;

/** More tasks than this at one instant mean that two parties answer each other for ever. */
const MAX_TASKS_AT_ONE_INSTANT = 10_000_000;

/**
 * Virtual time. Tasks run in order of time, then of scheduling, and only inside `advance`, `run` or (if
 * `automatic`) a microtask, never inside `schedule`.
 */
export class MemoryClock {
  readonly #automatic: boolean;
  #nowMs: number;
  #order = 0;
  #running = false;
  #wakeRequested = false;
  /** Binary heap: the earliest task first. */
  readonly #heap: ClockTask[] = [];

  constructor(options: MemoryClockOptions = {}) {
    this.#nowMs = options.startMs ?? DEFAULT_START_MS;
    this.#automatic = options.automatic ?? false;
  }

  /** Unix milliseconds, possibly with a fraction. */
  nowMs(): number {
    return this.#nowMs;
  }

  /** Unix microseconds, an integer. */
  nowUs(): number {
    return Math.round(this.#nowMs * 1000);
  }

  /** Number of tasks that wait, cancelled ones included until their time comes. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Runs `callback` once, `delayMs` from now. Returns a function that cancels it. */
  schedule(delayMs: number, callback: () => void): () => void {
    const task: ClockTask = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      run: callback,
    };
    this.#push(task);
    this.#wake();
    return () => {
      task.run = undefined;
    };
  }

  /** Moves time forward by `ms`, running everything that becomes due on the way. */
  advance(ms: number): void {
    const targetMs = this.#nowMs + ms;
    this.#runUntil(targetMs);
    this.#nowMs = Math.max(this.#nowMs, targetMs);
  }

  /**
   * Moves time forward until nothing waits any more.
   * @throws RangeError if something still waits after `maxMs` of virtual time.
   */
  run(maxMs = 600_000): void {
    this.#runUntil(this.#nowMs + maxMs);
    if (this.#heap.length > 0) {
      throw new RangeError(`MemoryClock.run: ${this.#heap.length} tasks are still waiting after ${maxMs} ms`);
    }
  }

  /** Moves time forward task by task until `condition` holds; returns whether it does within `maxMs`. */
  runUntil(condition: () => boolean, maxMs = 600_000): boolean {
    const limitMs = this.#nowMs + maxMs;
    while (!condition()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > limitMs) {
        return false;
      }
      this.#runUntil(next.atMs);
    }
    return true;
  }

  #runUntil(targetMs: number): void {
    if (this.#running) {
      throw new RangeError("MemoryClock: time cannot be moved from inside a task");
    }
    this.#running = true;
    let atThisInstant = 0;
    try {
      for (;;) {
        const next = this.#heap[0];
        if (next === undefined || next.atMs > targetMs) {
          return;
        }
        this.#pop();
        if (next.atMs > this.#nowMs) {
          this.#nowMs = next.atMs;
          atThisInstant = 0;
        } else if (++atThisInstant > MAX_TASKS_AT_ONE_INSTANT) {
          throw new RangeError("MemoryClock: tasks keep being added at one instant");
        }
        const run = next.run;
        next.run = undefined;
        run?.();
      }
    } finally {
      this.#running = false;
    }
  }

  #wake(): void {
    if (!this.#automatic || this.#wakeRequested) {
      return;
    }
    this.#wakeRequested = true;
    void Promise.resolve().then(() => {
      this.#wakeRequested = false;
      this.#runUntil(this.#nowMs);
    });
  }

  #push(task: ClockTask): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(task);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, task)) {
        break;
      }
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return;
    }
    let index = 0;
    for (;;) {
      let childIndex = index * 2 + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        childIndex++;
        child = right;
      }
      if (child === undefined || isBefore(last, child)) {
        break;
      }
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

function isBefore(a: ClockTask, b: ClockTask): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
