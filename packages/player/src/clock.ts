/** This machine's clock. Never jumps back; comparable with other machines only through a measured offset. */
export interface Clock {
  /** µs since the Unix epoch. */
  nowUs(): number;
}

/** Wall-clock time at navigation plus the monotonic time since then: unlike `Date.now` it is never set back. */
export function createBrowserClock(): Clock {
  const originUs = performance.timeOrigin * 1000;
  return { nowUs: () => originUs + performance.now() * 1000 };
}
