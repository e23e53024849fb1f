/**
 * Encoders swing around their bitrate by half of it and more, and a still picture needs next to nothing. Players may
 * make their decoders anew whenever a rendition reads differently (@moq/watch does), so a catalog is only worth it
 * where viewers would be misled: nobody told a rate, or far more is sent than was told.
 */
const TOLD_FACTOR = 2;

/** Whether a measured bitrate should replace the announced one, bits per second. */
export function isWorthTelling(announced: number | undefined, measured: number): boolean {
  return announced === undefined || announced <= 0 || measured > announced * TOLD_FACTOR;
}
