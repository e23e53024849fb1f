import { MediaError } from "../../media-error.ts";
import { writeU16, writeU32 } from "../big-endian.ts";

/**
 * What every RTCP packet starts with, RFC 3550 §6.4.1:
 *
 *     V(2)=2 P(1) count or format(5) | PT(8) | length in words minus one(16)
 */
export const RTCP_HEADER_BYTES = 4;

/** Packet types, RFC 3550 §12.1 and RFC 4585 §6.1. */
export const RTCP_SR = 200;
export const RTCP_RR = 201;
export const RTCP_SDES = 202;
export const RTCP_BYE = 203;
export const RTCP_RTPFB = 205;
export const RTCP_PSFB = 206;

/** Formats of RTPFB: RFC 4585 §6.2.1, draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1. */
export const RTPFB_NACK = 1;
export const RTPFB_TRANSPORT_CC = 15;

/** Formats of PSFB: RFC 4585 §6.3.1, RFC 5104 §4.3.1, RFC 4585 §6.4 (REMB is an application message). */
export const PSFB_PLI = 1;
export const PSFB_FIR = 4;
export const PSFB_APPLICATION = 15;

/** Header, sender SSRC, media SSRC (RFC 4585 §6.1). */
export const FEEDBACK_BYTES = 12;

/** A zeroed packet of `bytes`, a multiple of four, with its header. */
export function createRtcp(type: number, countOrFormat: number, bytes: number): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(bytes);
  packet[0] = 0x80 | countOrFormat;
  packet[1] = type;
  writeU16(packet, 2, bytes / 4 - 1);
  return packet;
}

export function createFeedback(
  type: number,
  format: number,
  bytes: number,
  senderSsrc: number,
  mediaSsrc: number,
): Uint8Array<ArrayBuffer> {
  const packet = createRtcp(type, format, bytes);
  writeU32(packet, 4, senderSsrc);
  writeU32(packet, 8, mediaSsrc);
  return packet;
}

export function rtcpTruncated(field: string): MediaError {
  return new MediaError("truncated", `${field} ends early`, { field });
}
