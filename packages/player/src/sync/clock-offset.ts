/** One exchange with the edge's clock. */
export interface TimeProbe {
  /** Local times of request and answer, µs. */
  readonly sentUs: number;
  readonly receivedUs: number;
  /** What the edge answered, µs since the Unix epoch. */
  readonly serverUs: number;
}

export interface ClockOffset {
  /** Add it to local time to get the edge's time, µs. */
  readonly offsetUs: number;
  /** The truth is at most this far away, µs: half the round trip. */
  readonly uncertaintyUs: number;
  readonly roundTripUs: number;
}

/**
 * Offset by the NTP method: the probe with the shortest round trip was delayed least, and its answer is assumed
 * to have been made half-way.
 */
export function clockOffsetOf(probes: readonly TimeProbe[]): ClockOffset | undefined {
  let best: ClockOffset | undefined;
  for (const probe of probes) {
    const roundTripUs = probe.receivedUs - probe.sentUs;
    if (roundTripUs < 0 || !Number.isFinite(probe.serverUs)) continue;
    if (best !== undefined && roundTripUs >= best.roundTripUs) continue;
    const offsetUs = probe.serverUs - (probe.sentUs + roundTripUs / 2);
    best = { offsetUs, uncertaintyUs: roundTripUs / 2, roundTripUs };
  }
  return best;
}

/** A new measurement replaces the old one unless it is so much less certain that it cannot add anything. */
export function betterOffset(old: ClockOffset | undefined, fresh: ClockOffset, ageUs: number): ClockOffset {
  if (old === undefined) return fresh;
  // Crystals of two machines part by up to 50 µs per second, which the old measurement has aged by.
  const agedUs = old.uncertaintyUs + ageUs * 50e-6;
  return fresh.uncertaintyUs <= agedUs ? fresh : old;
}
