const FRACTION_BITS = 18;
const WRAP_SECONDS = 64;

/**
 * Writes the value of the abs-send-time header extension: 24 bits, seconds as fixed point 6.18. Receivers estimate the
 * bandwidth from how it compares with arrival (draft-alvestrand-rmcat-remb section 2.1).
 */
export function absoluteSendTime(target: Uint8Array, at: number, nowUs: number): void {
  const seconds = (nowUs / 1_000_000) % WRAP_SECONDS;
  const value = Math.floor(seconds * 2 ** FRACTION_BITS);
  target[at] = value >>> 16;
  target[at + 1] = (value >>> 8) & 0xff;
  target[at + 2] = value & 0xff;
}
