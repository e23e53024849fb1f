/** Wall-clock time that never steps backwards; media time uses the same clock. */
export interface RelayClock {
  /** µs since the Unix epoch. */
  nowUs(): number;
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}

/** The machine's clock, read once as wall-clock and continued monotonically, so that NTP steps cannot end groups. */
export const systemClock: RelayClock = {
  nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
  nowMs: () => performance.timeOrigin + performance.now(),
};
