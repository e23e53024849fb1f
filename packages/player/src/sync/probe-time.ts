import type { Clock } from "../clock.ts";
import { type ClockOffset, clockOffsetOf, type TimeProbe } from "./clock-offset.ts";

/** The time endpoint answers at once or is not there. */
const PROBE_TIMEOUT_MS = 3_000;

/**
 * Measures the offset to the clock behind `baseUrl` by `count` times GET /v1/time; undefined if it does not answer.
 * The first may open a connection and is slow then.
 */
export async function probeTime(
  baseUrl: string,
  count: number,
  deps: { readonly clock: Clock; readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<ClockOffset | undefined> {
  const probes: TimeProbe[] = [];
  const url = new URL("/v1/time", baseUrl);
  for (let attempt = 0; attempt < count && !deps.signal.aborted; attempt += 1) {
    try {
      const sentUs = deps.clock.nowUs();
      const response = await deps.fetch(url, {
        cache: "no-store",
        signal: AbortSignal.any([deps.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
      });
      const receivedUs = deps.clock.nowUs();
      const body: unknown = await response.json();
      const serverUs = (body as { readonly unixMicros?: unknown } | null)?.unixMicros;
      if (response.ok && typeof serverUs === "number") probes.push({ sentUs, receivedUs, serverUs });
    } catch {
      // Without an answer there is no offset; playback then takes the fastest frame as its measure.
      break;
    }
  }
  return clockOffsetOf(probes);
}
