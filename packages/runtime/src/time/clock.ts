import { performance } from "node:perf_hooks";

/** How often the monotonic clock is compared with the system's wall clock. */
const RESYNC_INTERVAL_MS = 1_000;
/** A wall clock that was set back by more than this is followed at once; less is waited out. */
const MAX_HOLD_US = 1_000_000;

/** Wall-clock time; media time is measured on it. */
export interface Clock {
  /** Microseconds since the Unix epoch, with sub-millisecond resolution; never runs backwards. */
  nowUs(): number;
  /** Milliseconds since the Unix epoch (not rounded). */
  nowMs(): number;
}

export interface TimeSources {
  /** Wall time in whole milliseconds, like `Date.now`. */
  readonly wallMs: () => number;
  /** Time with a fine resolution and a steady pace, milliseconds, near the wall time. */
  readonly steadyMs: () => number;
}

const SYSTEM_SOURCES: TimeSources = {
  wallMs: () => Date.now(),
  steadyMs: () => performance.timeOrigin + performance.now(),
};

/**
 * `Date.now` is coarse and may jump, `performance.now` is fine but drifts from the wall over days. This clock runs
 * on the fine one and follows the coarse one whenever they differ by more than the coarse one's own millisecond, so
 * that two processes of one machine agree to about a millisecond at any age.
 */
export function createClock(sources: TimeSources = SYSTEM_SOURCES): Clock {
  let offsetMs = 0;
  let nextSyncMs = Number.NEGATIVE_INFINITY;
  let lastUs = 0;

  const nowUs = (): number => {
    const steadyMs = sources.steadyMs();
    if (steadyMs >= nextSyncMs) {
      nextSyncMs = steadyMs + RESYNC_INTERVAL_MS;
      // The wall shows whole milliseconds: it is behind the true time by 0 to 1 ms.
      const behindMs = steadyMs + offsetMs - sources.wallMs();
      if (behindMs < 0) offsetMs -= behindMs;
      else if (behindMs > 1) offsetMs -= behindMs - 1;
    }
    const us = Math.floor((steadyMs + offsetMs) * 1_000);
    if (us > lastUs || lastUs - us > MAX_HOLD_US) lastUs = us;
    return lastUs;
  };
  return { nowUs, nowMs: () => nowUs() / 1_000 };
}
