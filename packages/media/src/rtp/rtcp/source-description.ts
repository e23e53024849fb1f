import { decodeUtf8, encodeUtf8 } from "../../bytes/utf8.ts";
import { MediaError } from "../../media-error.ts";
import { readU32, writeU32 } from "../big-endian.ts";
import { createRtcp, RTCP_BYE, RTCP_HEADER_BYTES, RTCP_SDES, rtcpTruncated } from "./rtcp-header.ts";

/** Canonical names per source, RFC 3550 §6.5; other items are passed over. */
export interface SourceDescription {
  readonly kind: "source-description";
  readonly chunks: readonly { readonly ssrc: number; readonly cname?: string }[];
}

/** Sources that leave, RFC 3550 §6.6. */
export interface Goodbye {
  readonly kind: "goodbye";
  readonly ssrcs: readonly number[];
}

const ITEM_END = 0;
const ITEM_CNAME = 1;
const MAX_CNAME_BYTES = 255;

export function parseSourceDescription(packet: Uint8Array, count: number): SourceDescription {
  const chunks: { ssrc: number; cname?: string }[] = [];
  let at = RTCP_HEADER_BYTES;
  for (let i = 0; i < count; i += 1) {
    if (at + 4 > packet.length) throw rtcpTruncated("RTCP.SDES");
    const chunk: { ssrc: number; cname?: string } = { ssrc: readU32(packet, at) };
    at += 4;
    for (;;) {
      // Some senders leave the zero out where the last name ends on a word.
      const type = packet[at] ?? ITEM_END;
      at += 1;
      if (type === ITEM_END) break;
      const size = packet[at];
      if (size === undefined || at + 1 + size > packet.length) throw rtcpTruncated("RTCP.SDES");
      if (type === ITEM_CNAME) chunk.cname = decodeUtf8(packet.subarray(at + 1, at + 1 + size), "RTCP.SDES");
      at += 1 + size;
    }
    // Every chunk is padded to a word.
    at = (at + 3) & ~3;
    chunks.push(chunk);
  }
  return { kind: "source-description", chunks };
}

/** One chunk with a canonical name. @throws MediaError "too-large". */
export function encodeSourceDescription(ssrc: number, cname: string): Uint8Array<ArrayBuffer> {
  const name = encodeUtf8(cname);
  if (name.length > MAX_CNAME_BYTES) {
    throw new MediaError("too-large", "canonical name over 255 bytes", {
      field: "RTCP.SDES",
      limit: MAX_CNAME_BYTES,
      actual: name.length,
    });
  }
  // SSRC, item header, name and at least one zero as the end of the items.
  const bytes = RTCP_HEADER_BYTES + ((4 + 2 + name.length + 1 + 3) & ~3);
  const packet = createRtcp(RTCP_SDES, 1, bytes);
  writeU32(packet, 4, ssrc);
  packet[8] = ITEM_CNAME;
  packet[9] = name.length;
  packet.set(name, 10);
  return packet;
}

export function parseGoodbye(packet: Uint8Array, count: number): Goodbye {
  // A reason may follow; nobody shows it.
  if (RTCP_HEADER_BYTES + 4 * count > packet.length) throw rtcpTruncated("RTCP.BYE");
  const ssrcs: number[] = [];
  for (let i = 0; i < count; i += 1) ssrcs.push(readU32(packet, RTCP_HEADER_BYTES + 4 * i));
  return { kind: "goodbye", ssrcs };
}

export function encodeGoodbye(ssrcs: readonly number[]): Uint8Array<ArrayBuffer> {
  const packet = createRtcp(RTCP_BYE, ssrcs.length, RTCP_HEADER_BYTES + 4 * ssrcs.length);
  for (const [i, ssrc] of ssrcs.entries()) writeU32(packet, RTCP_HEADER_BYTES + 4 * i, ssrc);
  return packet;
}
