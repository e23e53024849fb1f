/** One deadline; `cancel` is idempotent. */
export interface Deadline {
  cancel(): void;
}

interface Entry extends Deadline {
  /** Set by the first tick, since no clock is read here: a deadline is then never early. */
  dueMs: number | undefined;
  readonly timeoutMs: number;
  readonly onDue: () => void;
}

/** Deadlines without a clock: the owner says what time it is. */
export class Deadlines {
  readonly #entries = new Set<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  add(timeoutMs: number, onDue: () => void): Deadline {
    const entry: Entry = {
      dueMs: undefined,
      timeoutMs,
      onDue,
      cancel: () => {
        this.#entries.delete(entry);
      },
    };
    this.#entries.add(entry);
    return entry;
  }

  /** Calls what is due; returns the next due time, or undefined if nothing waits. */
  tick(nowMs: number): number | undefined {
    let nextMs: number | undefined;
    for (const entry of [...this.#entries]) {
      entry.dueMs ??= nowMs + entry.timeoutMs;
      if (entry.dueMs <= nowMs) {
        this.#entries.delete(entry);
        entry.onDue();
      } else if (nextMs === undefined || entry.dueMs < nextMs) {
        nextMs = entry.dueMs;
      }
    }
    return nextMs;
  }

  clear(): void {
    this.#entries.clear();
  }
}
