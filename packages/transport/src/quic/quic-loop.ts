import { performance } from "node:perf_hooks";
import { DEFAULT_FLUSH_CONTROL, FlushController, type FlushControllerOptions } from "./flush-controller.ts";
import { TimerWheel } from "./timer-wheel.ts";

/** How often the flush interval is adapted to the load. */
const UTILIZATION_SAMPLE_MS = 250;

/**
 * The event loop also counts as busy while other processes have its core. Then fewer packets would help nobody, so
 * utilization counts only up to this many times the CPU time used: a process that gets less than half a core (by a
 * quota, for instance) may still coalesce once it uses all of it.
 */
const CPU_WEIGHT = 2;

/** How long a write that may wait waits for others: little beside what a player buffers. */
const PATIENCE_MS = 25;

/** Utilization from which such writes wait; a core with more room than that is not worth the latency. */
const PATIENT_FROM_UTILIZATION = 0.25;

/** A connection as the loop sees it. The flags belong to the loop. */
export interface LoopMember {
  readQueued: boolean;
  flushQueued: boolean;
  /** Flush at the end of this tick even while flushes are coalesced: handshakes, closing, probes. */
  urgent: boolean;
  /** Delivers what the received packets brought. */
  handleIncoming(): void;
  /** Hands queued stream data to the engine and sends its packets. */
  flush(nowMs: number): void;
}

export interface QuicLoopOptions {
  /** `adaptive`, or a fixed interval in milliseconds (0 = flush at the end of every tick). */
  readonly flush?: Partial<FlushControllerOptions> | number;
  /** Utilization from which small writes wait for others; default 0.25. */
  readonly patientFromUtilization?: number;
}

/**
 * The one loop of all connections of a process. Packets are fed to the engine as they arrive; at the end of the
 * tick first everything that came in is delivered, then every connection that has something to say is flushed
 * once. So all frames of one tick share packets, and an acknowledgement rides with the data.
 */
export class QuicLoop {
  readonly wheel: TimerWheel;
  /** Time of the current tick on the monotonic clock of `performance.now()`; while the loop is idle, of the last one. */
  nowMs = performance.now();
  #incoming: LoopMember[] = [];
  #incomingSpare: LoopMember[] = [];
  #dirty: LoopMember[] = [];
  #dirtySpare: LoopMember[] = [];
  #scheduled = false;
  #urgent = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #lastFlushMs = 0;
  readonly #controller: FlushController | undefined;
  readonly #fixedIntervalMs: number;
  #sampler: NodeJS.Timeout | undefined;
  #utilization = performance.eventLoopUtilization();
  #cpuMs = processCpuMs();
  #sampledMs = 0;
  readonly #patientFromUtilization: number;
  #isBusy: boolean;
  #patient: LoopMember[] = [];
  #patienceTimer: NodeJS.Timeout | undefined;
  #members = 0;
  readonly #run = (): void => this.#tick();

  constructor(options: QuicLoopOptions = {}) {
    const flush = options.flush ?? {};
    this.#fixedIntervalMs = typeof flush === "number" ? flush : 0;
    this.#controller =
      typeof flush === "number" ? undefined : new FlushController({ ...DEFAULT_FLUSH_CONTROL, ...flush });
    this.#patientFromUtilization = options.patientFromUtilization ?? PATIENT_FROM_UTILIZATION;
    this.#isBusy = this.#patientFromUtilization <= 0;
    this.wheel = new TimerWheel({ nowMs: () => performance.now() });
  }

  /** The coalescing interval in force, for the node's metrics. */
  get flushIntervalMs(): number {
    return this.#controller?.intervalMs ?? this.#fixedIntervalMs;
  }

  /** Keeps the sampling of the load alive while anything uses the loop. */
  join(): void {
    this.#members += 1;
    if (this.#sampler !== undefined || this.#controller === undefined) return;
    this.#utilization = performance.eventLoopUtilization();
    this.#cpuMs = processCpuMs();
    this.#sampledMs = performance.now();
    this.#sampler = setInterval(() => this.#sample(), UTILIZATION_SAMPLE_MS);
    this.#sampler.unref();
  }

  leave(): void {
    this.#members -= 1;
    if (this.#members > 0) return;
    clearInterval(this.#sampler);
    this.#sampler = undefined;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
  }

  /** The time now, for what begins while the loop may have been idle for long. */
  refreshNow(): number {
    this.nowMs = performance.now();
    return this.nowMs;
  }

  scheduleRead(member: LoopMember): void {
    if (member.readQueued) return;
    member.readQueued = true;
    this.#incoming.push(member);
    this.#schedule();
  }

  scheduleFlush(member: LoopMember): void {
    if (member.urgent) this.#urgent = true;
    if (!member.flushQueued) {
      member.flushQueued = true;
      this.#dirty.push(member);
    }
    if (member.urgent || this.#flushTimer === undefined) this.#schedule();
  }

  /**
   * For a small write that others will follow soon: while the core is busy it waits some ms for a flush that the member
   * has anyway, since most of a write's cost does not depend on its size.
   */
  schedulePatient(member: LoopMember): void {
    if (member.flushQueued) return;
    // Flushes that are as far apart take it along by themselves.
    if (!this.#isBusy || this.flushIntervalMs >= PATIENCE_MS) {
      this.scheduleFlush(member);
      return;
    }
    this.#patient.push(member);
    this.#patienceTimer ??= setTimeout(() => this.#endPatience(), PATIENCE_MS);
  }

  #endPatience(): void {
    this.#patienceTimer = undefined;
    const patient = this.#patient;
    this.#patient = [];
    // Those that were flushed meanwhile have nothing more to say.
    for (const member of patient) this.scheduleFlush(member);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.nowMs = performance.now();
    setImmediate(this.#run);
  }

  #tick(): void {
    this.#scheduled = false;
    this.nowMs = performance.now();
    const incoming = this.#incoming;
    this.#incoming = this.#incomingSpare;
    for (const member of incoming) {
      member.readQueued = false;
      member.handleIncoming();
    }
    incoming.length = 0;
    this.#incomingSpare = incoming;
    this.#flushDirty();
  }

  #flushDirty(): void {
    if (this.#dirty.length === 0) return;
    const waitMs = this.flushIntervalMs === 0 ? 0 : this.#lastFlushMs + this.flushIntervalMs - this.nowMs;
    if (waitMs > 0) {
      this.#flushTimer ??= setTimeout(() => {
        this.#flushTimer = undefined;
        this.#schedule();
      }, waitMs);
      if (!this.#urgent) return;
    } else {
      clearTimeout(this.#flushTimer);
      this.#flushTimer = undefined;
      this.#lastFlushMs = this.nowMs;
    }
    this.#urgent = false;
    const dirty = this.#dirty;
    this.#dirty = this.#dirtySpare;
    for (const member of dirty) {
      if (waitMs > 0 && !member.urgent) {
        this.#dirty.push(member);
        continue;
      }
      member.flushQueued = false;
      member.urgent = false;
      member.flush(this.nowMs);
    }
    dirty.length = 0;
    this.#dirtySpare = dirty;
  }

  #sample(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    const nowMs = performance.now();
    const cpuMs = processCpuMs();
    const cpuShare = (cpuMs - this.#cpuMs) / Math.max(1, nowMs - this.#sampledMs);
    this.#cpuMs = cpuMs;
    this.#sampledMs = nowMs;
    const load = Math.min(utilization, cpuShare * CPU_WEIGHT);
    this.#isBusy = load >= this.#patientFromUtilization;
    this.#controller?.update(load);
  }
}

/** CPU time of this process so far. */
function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
