/** Runs things later. A simulation brings its own, together with its clock. */
export interface Scheduler {
  /** Time that runs at a steady pace from an arbitrary start, ms. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`; the returned function takes that back. */
  after(delayMs: number, run: () => void): () => void;
}

/** The system's timers; none of them keeps a process alive. */
export const SYSTEM_SCHEDULER: Scheduler = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
