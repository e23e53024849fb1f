/** RTP timestamps come round: the shorter way between two says which is later (RFC 3550 §5.1, modulo 2^32). */
export function isAfter(rtp: number, other: number): boolean {
  const ahead = (rtp - other) >>> 0;
  return ahead !== 0 && ahead < 2 ** 31;
}
