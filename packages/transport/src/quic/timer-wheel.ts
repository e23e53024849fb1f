/** One slot; QUIC's own timers are coarser than this. */
const SLOT_MS = 4;
/** 2 s ahead; whatever is later waits in the last slot and is filed again. A power of two. */
const SLOTS = 512;
const NOT_FILED = -1;

/** Something with one deadline, such as a connection. */
export abstract class TimerEntry {
  /** When `onTimer` is due, on the clock of the wheel; Infinity = never. Change it through `TimerWheel.set`. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Tick under which the wheel holds this entry; owned by the wheel. */
  filedTick = NOT_FILED;
  abstract onTimer(nowMs: number): void;
}

export interface TimerWheelDeps {
  readonly nowMs: () => number;
  /** Replaces `setTimeout`/`clearTimeout` in tests. */
  readonly setTimer?: (callback: () => void, delayMs: number) => unknown;
  readonly clearTimer?: (timer: unknown) => void;
}

/**
 * One timer for any number of deadlines. A deadline that moves later costs nothing: the entry stays where it is
 * and is filed again when its slot comes up. That is the usual case, because every packet pushes the timeouts of
 * its connection back. Deadlines fire up to one slot late, never early.
 */
export class TimerWheel {
  readonly #slots: TimerEntry[][] = Array.from({ length: SLOTS }, () => []);
  readonly #nowMs: () => number;
  readonly #setTimer: (callback: () => void, delayMs: number) => unknown;
  readonly #clearTimer: (timer: unknown) => void;
  #timer: unknown;
  #timerTick = Number.POSITIVE_INFINITY;
  /** All ticks up to this one have been served. */
  #servedTick: number;
  #size = 0;
  #serving = false;

  constructor(deps: TimerWheelDeps) {
    this.#nowMs = deps.nowMs;
    this.#setTimer = deps.setTimer ?? setTimeout;
    this.#clearTimer = deps.clearTimer ?? ((timer) => clearTimeout(timer as NodeJS.Timeout));
    this.#servedTick = Math.floor(this.#nowMs() / SLOT_MS);
  }

  /** Moves the deadline of `entry`; Infinity takes it out. */
  set(entry: TimerEntry, deadlineMs: number): void {
    entry.deadlineMs = deadlineMs;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const tick = this.#tickOf(deadlineMs);
    if (entry.filedTick !== NOT_FILED && entry.filedTick <= tick) return;
    this.#file(entry, tick);
    if (!this.#serving) this.#arm(entry.filedTick);
  }

  /** Forgets `entry`. */
  delete(entry: TimerEntry): void {
    entry.deadlineMs = Number.POSITIVE_INFINITY;
  }

  close(): void {
    if (this.#timer !== undefined) this.#clearTimer(this.#timer);
    this.#timer = undefined;
    for (const slot of this.#slots) slot.length = 0;
    this.#size = 0;
  }

  #tickOf(deadlineMs: number): number {
    const tick = Math.ceil(deadlineMs / SLOT_MS);
    return Math.min(Math.max(tick, this.#servedTick + 1), this.#servedTick + SLOTS - 1);
  }

  #file(entry: TimerEntry, tick: number): void {
    entry.filedTick = tick;
    this.#slots[tick & (SLOTS - 1)]?.push(entry);
    this.#size += 1;
  }

  #arm(tick: number): void {
    if (tick >= this.#timerTick) return;
    if (this.#timer !== undefined) this.#clearTimer(this.#timer);
    this.#timerTick = tick;
    this.#timer = this.#setTimer(() => this.#serve(), Math.max(1, tick * SLOT_MS - this.#nowMs()));
  }

  #serve(): void {
    this.#timer = undefined;
    this.#timerTick = Number.POSITIVE_INFINITY;
    const nowMs = this.#nowMs();
    const nowTick = Math.floor(nowMs / SLOT_MS);
    this.#serving = true;
    try {
      // After a long stall every slot is due once; walking the wheel more than once around serves nothing new.
      const lastTick = Math.min(nowTick, this.#servedTick + SLOTS);
      for (let tick = this.#servedTick + 1; tick <= lastTick; tick += 1) {
        this.#servedTick = tick;
        this.#serveSlot(tick, nowMs);
      }
      this.#servedTick = Math.max(nowTick, this.#servedTick);
    } finally {
      this.#serving = false;
      this.#armNext();
    }
  }

  #serveSlot(tick: number, nowMs: number): void {
    const index = tick & (SLOTS - 1);
    const slot = this.#slots[index];
    if (slot === undefined || slot.length === 0) return;
    this.#slots[index] = [];
    this.#size -= slot.length;
    for (const entry of slot) {
      // An entry that was filed again earlier leaves a stale reference behind.
      if (entry.filedTick !== tick) continue;
      entry.filedTick = NOT_FILED;
      if (entry.deadlineMs <= nowMs) {
        entry.deadlineMs = Number.POSITIVE_INFINITY;
        entry.onTimer(nowMs);
      } else if (entry.deadlineMs !== Number.POSITIVE_INFINITY) {
        this.#file(entry, this.#tickOf(entry.deadlineMs));
      }
    }
  }

  #armNext(): void {
    if (this.#size === 0) return;
    for (let tick = this.#servedTick + 1; tick < this.#servedTick + SLOTS; tick += 1) {
      if (this.#slots[tick & (SLOTS - 1)]?.length !== 0) {
        this.#arm(tick);
        return;
      }
    }
  }
}
