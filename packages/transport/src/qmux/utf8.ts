import { truncateUtf8 } from "../memory/truncate-utf8.ts";

// In every browser and in Node, but in no library that this part is compiled with.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };

/** As on the other transports. */
const MAX_REASON_BYTES = 1_024;

/** UTF-8 of a close reason, cut at a character's edge. */
export function encodeReason(reason: string): Uint8Array {
  return new TextEncoder().encode(truncateUtf8(reason, MAX_REASON_BYTES));
}

/** A close reason of the peer; what is no UTF-8 is replaced. */
export function decodeReason(bytes: Uint8Array): string {
  return truncateUtf8(new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES)), MAX_REASON_BYTES);
}
