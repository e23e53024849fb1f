import { MediaError } from "../media-error.ts";
import { readU16, readU24 } from "./big-endian.ts";

/**
 * Redundant audio, RFC 2198 §3: block headers, oldest first, then the blocks in the same order.
 *
 *     F(1)=1 block PT(7) timestamp offset(14) block length(10)     one that was sent before
 *     F(1)=0 block PT(7)                                           the primary, which takes the rest
 */
export interface RedundantBlock {
  readonly payloadType: number;
  /** How much older than the packet's timestamp, ticks; 0 for the primary. */
  readonly timestampOffset: number;
  /** A view of the payload. */
  readonly data: Uint8Array;
}

/** Browsers send one or two generations; 14 bits of offset leave no sense in more. */
export const MAX_REDUNDANT_BLOCKS = 16;

const FOLLOWS_BIT = 0x80;
const REDUNDANT_HEADER_BYTES = 4;

/** All blocks, the primary last. @throws MediaError "truncated", "too-many". */
export function parseRedundantAudio(payload: Uint8Array): RedundantBlock[] {
  const blocks: RedundantBlock[] = [];
  const headers = countHeaders(payload);
  let data = headers * REDUNDANT_HEADER_BYTES + 1;
  for (let i = 0; i < headers; i += 1) {
    const at = i * REDUNDANT_HEADER_BYTES;
    const rest = readU24(payload, at + 1);
    const size = rest & 0x3ff;
    if (size > payload.length - data) throw truncated();
    blocks.push({
      payloadType: (payload[at] as number) & 0x7f,
      timestampOffset: rest >>> 10,
      data: payload.subarray(data, data + size),
    });
    data += size;
  }
  const payloadType = payload[headers * REDUNDANT_HEADER_BYTES] as number;
  blocks.push({ payloadType, timestampOffset: 0, data: payload.subarray(data) });
  return blocks;
}

/** The primary block alone, as a view. @throws MediaError "truncated", "too-many". */
export function primaryOfRedundantAudio(payload: Uint8Array): RedundantBlock {
  const headers = countHeaders(payload);
  let data = headers * REDUNDANT_HEADER_BYTES + 1;
  for (let i = 0; i < headers; i += 1) data += readU16(payload, i * REDUNDANT_HEADER_BYTES + 2) & 0x3ff;
  if (data > payload.length) throw truncated();
  const payloadType = payload[headers * REDUNDANT_HEADER_BYTES] as number;
  return { payloadType, timestampOffset: 0, data: payload.subarray(data) };
}

/** Headers in front of the primary's; the primary's own byte is there when this returns. */
function countHeaders(payload: Uint8Array): number {
  let headers = 0;
  for (;;) {
    const byte = payload[headers * REDUNDANT_HEADER_BYTES];
    if (byte === undefined) throw truncated();
    if ((byte & FOLLOWS_BIT) === 0) return headers;
    headers += 1;
    if (headers >= MAX_REDUNDANT_BLOCKS) {
      throw new MediaError("too-many", "too many redundant blocks", {
        field: "RED",
        limit: MAX_REDUNDANT_BLOCKS,
      });
    }
  }
}

function truncated(): MediaError {
  return new MediaError("truncated", "redundant audio ends early", { field: "RED" });
}
