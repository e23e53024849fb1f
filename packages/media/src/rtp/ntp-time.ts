/** 64-bit NTP timestamps (RFC 3550 §4) as two 32-bit halves: seconds since 1900, and 1/2^32 s. */

/** From 1900-01-01 to 1970-01-01, s. */
const NTP_TO_UNIX_S = 2_208_988_800;

/** One era is 2^32 s (RFC 5905 §6); era 1 begins in 2036. */
const ERA_S = 0x1_0000_0000;
const US_PER_SECOND = 1_000_000;

export interface NtpTime {
  readonly seconds: number;
  readonly fraction: number;
}

/** `unixUs` modulo the era. */
export function ntpOfUnixUs(unixUs: number): NtpTime {
  const whole = Math.floor(unixUs / US_PER_SECOND);
  const restUs = unixUs - whole * US_PER_SECOND;
  return {
    seconds: (whole + NTP_TO_UNIX_S) % ERA_S,
    fraction: Math.floor((restUs * ERA_S) / US_PER_SECOND) >>> 0,
  };
}

/** µs since the Unix epoch. Seconds before the epoch belong to era 1, so that 2036 passes unnoticed. */
export function unixUsOfNtp(seconds: number, fraction: number): number {
  const sinceEpoch = seconds >= NTP_TO_UNIX_S ? seconds - NTP_TO_UNIX_S : seconds + ERA_S - NTP_TO_UNIX_S;
  return sinceEpoch * US_PER_SECOND + Math.round((fraction * US_PER_SECOND) / ERA_S);
}

/** The middle 32 bits, which reports carry as LSR and round trips are computed from (§6.4.1); units of 1/65,536 s. */
export function compactNtp(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}
