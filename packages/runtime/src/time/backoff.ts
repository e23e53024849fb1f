export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 100, capMs: 5_000 };

/**
 * Wait before retry number `attempt` (0 is the first retry): doubles up to the cap, of which a random half to whole
 * is taken, so that many clients of one dead server do not come back in step. `random` is in [0, 1).
 */
export function backoffMs(
  attempt: number,
  random: number,
  options: BackoffOptions = DEFAULT_BACKOFF,
): number {
  const full = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.5 + random / 2));
}
