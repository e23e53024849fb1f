import { MediaError } from "../../media-error.ts";
import { readU16, readU32, writeU16 } from "../big-endian.ts";
import { sequenceDistance } from "../sequence-number.ts";
import { createFeedback, FEEDBACK_BYTES, RTCP_RTPFB, RTPFB_NACK, rtcpTruncated } from "./rtcp-header.ts";

/** Packets that are missing, RFC 4585 §6.2.1. */
export interface GenericNack {
  readonly kind: "nack";
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly sequences: readonly number[];
}

/** Each entry names up to 17 packets: `PID(16) BLP(16)`, bit i of BLP stands for PID + i + 1. */
const ENTRY_BYTES = 4;
const MASK_BITS = 16;

/** Entries of one packet: 1,088 sequence numbers at most, which is over a second of a stream of 10 Mbit/s. */
export const MAX_NACK_ENTRIES = 64;

export function parseGenericNack(packet: Uint8Array): GenericNack {
  if (packet.length < FEEDBACK_BYTES) throw rtcpTruncated("RTCP.NACK");
  const entries = (packet.length - FEEDBACK_BYTES) >>> 2;
  if (entries > MAX_NACK_ENTRIES) {
    throw new MediaError("too-many", "too many entries in one NACK", {
      field: "RTCP.NACK",
      limit: MAX_NACK_ENTRIES,
      actual: entries,
    });
  }
  const sequences: number[] = [];
  for (let at = FEEDBACK_BYTES; at + ENTRY_BYTES <= packet.length; at += ENTRY_BYTES) {
    const first = readU16(packet, at);
    sequences.push(first);
    let mask = readU16(packet, at + 2);
    for (let sequence = first + 1; mask !== 0; sequence += 1) {
      if ((mask & 1) !== 0) sequences.push(sequence & 0xffff);
      mask >>>= 1;
    }
  }
  return {
    kind: "nack",
    senderSsrc: readU32(packet, 4),
    mediaSsrc: readU32(packet, 8),
    sequences,
  };
}

/** `sequences` in ascending order (with wrap). What does not fit into 64 entries is left for the next NACK. */
export function encodeGenericNack(
  senderSsrc: number,
  mediaSsrc: number,
  sequences: readonly number[],
): Uint8Array<ArrayBuffer> {
  const entries: number[] = [];
  let pid = -1;
  let mask = 0;
  for (const sequence of sequences) {
    const bit = pid < 0 ? MASK_BITS : sequenceDistance(pid, sequence) - 1;
    if (bit >= 0 && bit < MASK_BITS) mask |= 1 << bit;
    else if (bit !== -1) {
      if (pid >= 0) entries.push(pid, mask);
      pid = entries.length < 2 * MAX_NACK_ENTRIES ? sequence : -1;
      mask = 0;
      if (pid < 0) break;
    }
  }
  if (pid >= 0) entries.push(pid, mask);
  const bytes = FEEDBACK_BYTES + 2 * entries.length;
  const packet = createFeedback(RTCP_RTPFB, RTPFB_NACK, bytes, senderSsrc, mediaSsrc);
  for (const [i, value] of entries.entries()) writeU16(packet, FEEDBACK_BYTES + 2 * i, value);
  return packet;
}
