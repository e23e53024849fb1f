import type { NativeConnection } from "./native.ts";

/** A deadline further away than this is no loss timer: nothing is in flight. */
const IN_FLIGHT_DEADLINE_MS = 200;

/**
 * When the engine of one connection wants to be woken. Asking it costs a call into native code, so it is asked only
 * when the answer can be earlier than the known one: after packets came in or a timer fired, and when something is
 * sent while nothing is in flight. Everything else that is sent only moves the deadline back.
 */
export class EngineDeadline {
  /** Infinity = never. At most as late as the engine's own deadline. */
  atMs = Number.POSITIVE_INFINITY;
  /** Packets came in, a timer fired or the connection was closed since the engine was last asked. */
  stale = true;

  /** Call it after every flush. */
  update(native: NativeConnection, nowMs: number): void {
    if (!this.stale && this.atMs - nowMs <= IN_FLIGHT_DEADLINE_MS) return;
    this.stale = false;
    const timeoutMs = native.timeout();
    this.atMs = timeoutMs === null ? Number.POSITIVE_INFINITY : nowMs + timeoutMs + 1;
  }

  /** Runs the engine's timers if one of them is due, and not only the deadline that was known here. */
  run(native: NativeConnection, nowMs: number): boolean {
    if (nowMs < this.atMs) return false;
    const timeoutMs = native.timeout();
    this.atMs = timeoutMs === null ? Number.POSITIVE_INFINITY : nowMs + timeoutMs + 1;
    if (timeoutMs === null || timeoutMs > 0) return false;
    native.onTimeout();
    return true;
  }
}
