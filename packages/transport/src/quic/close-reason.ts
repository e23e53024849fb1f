import { truncateUtf8 } from "../memory/truncate-utf8.ts";

/** Longest close reason in bytes of UTF-8 (draft-ietf-webtrans-http3 §5; the same limit holds on raw QUIC). */
export const MAX_REASON_BYTES = 1_024;

/** UTF-8 of `reason`, cut at a character's edge. */
export function encodeReason(reason: string): Uint8Array {
  return new TextEncoder().encode(truncateUtf8(reason, MAX_REASON_BYTES));
}
