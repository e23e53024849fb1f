/** Clock rate of every video payload format (RFC 3551 §5), Hz. */
export const VIDEO_CLOCK_RATE = 90_000;

/** Of Opus, whatever the sound's own rate (RFC 7587 §4.1), Hz. */
export const OPUS_CLOCK_RATE = 48_000;

const US_PER_SECOND = 1_000_000;
const TIMESTAMP_RANGE = 0x1_0000_0000;

/**
 * A media time as an RTP timestamp, modulo 2^32. Whole seconds and the rest go separate ways, as their product with
 * the clock rate would pass 2^53.
 */
export function rtpTimestampOfUs(timestampUs: number, clockRate: number): number {
  const seconds = Math.floor(timestampUs / US_PER_SECOND);
  const restUs = timestampUs - seconds * US_PER_SECOND;
  return (seconds * clockRate + Math.round((restUs * clockRate) / US_PER_SECOND)) % TIMESTAMP_RANGE;
}

/** Ticks, which may be negative or not whole, as µs. */
export function usOfRtpTicks(ticks: number, clockRate: number): number {
  return (ticks * US_PER_SECOND) / clockRate;
}
