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

/** Seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905 §6). */
const NTP_TO_UNIX_S = 2_208_988_800;

/**
 * What `rtpTimestampOfUs` makes of the NTP epoch: the media clock's offset, with which a receiver turns timestamps back
 * into media times exactly (RFC 7273 §5.2).
 */
export function mediaClockOffset(clockRate: number): number {
  const ticks = (NTP_TO_UNIX_S * clockRate) % TIMESTAMP_RANGE;
  return (TIMESTAMP_RANGE - ticks) % TIMESTAMP_RANGE;
}

/** Ticks, which may be negative or not whole, as µs. */
export function usOfRtpTicks(ticks: number, clockRate: number): number {
  return (ticks * US_PER_SECOND) / clockRate;
}
