/**
 * Encoders swing around their bitrate by half of it and more. Players may make their decoders anew whenever a
 * rendition reads differently (@moq/watch does), so only another order of rate is worth a catalog.
 */
const TOLD_FACTOR = 2;

/** Whether a measured bitrate should replace the announced one, bits per second. */
export function isWorthTelling(announced: number | undefined, measured: number): boolean {
  if (announced === undefined || announced <= 0) return true;
  return measured > announced * TOLD_FACTOR || measured * TOLD_FACTOR < announced;
}
