import { readVarint, varintBytes, varintLength, writeVarint } from "./varint.ts";

/** hang's "legacy" container: a varint timestamp in µs, then the codec's bytes to the end of the frame. */
export interface LegacyFrame {
  readonly timestampUs: number;
  /** A view of the input. Empty: a marker without data. */
  readonly payload: Uint8Array;
}

/** Bytes of the header for a timestamp; 8 for any wall-clock time. */
export function legacyHeaderBytes(timestampUs: number): number {
  return varintBytes(timestampUs);
}

/** Writes the header into a buffer that the caller made; returns where the payload goes. */
export function writeLegacyHeader(target: Uint8Array, at: number, timestampUs: number): number {
  return writeVarint(target, at, timestampUs);
}

/**
 * A new buffer; the payload is copied.
 * @throws MediaError "malformed" when the timestamp is not an integer from 0 to 2^53 - 1.
 */
export function encodeLegacyFrame(timestampUs: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = varintBytes(timestampUs);
  const bytes = new Uint8Array(header + payload.length);
  writeVarint(bytes, 0, timestampUs);
  bytes.set(payload, header);
  return bytes;
}

/** @throws MediaError "truncated", "malformed" (timestamp above 2^53 - 1). */
export function decodeLegacyFrame(bytes: Uint8Array): LegacyFrame {
  const timestampUs = readVarint(bytes, 0);
  return { timestampUs, payload: bytes.subarray(varintLength(bytes, 0)) };
}
