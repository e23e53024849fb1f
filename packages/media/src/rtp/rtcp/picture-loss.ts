import { readU32, writeU32 } from "../big-endian.ts";
import {
  createFeedback,
  FEEDBACK_BYTES,
  PSFB_FIR,
  PSFB_PLI,
  RTCP_PSFB,
  rtcpTruncated,
} from "./rtcp-header.ts";

/** A decoder that has lost its picture, RFC 4585 §6.3.1. */
export interface PictureLossIndication {
  readonly kind: "pli";
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
}

/** A keyframe is asked for, RFC 5104 §4.3.1: per source a counter, so that repeats are known as such. */
export interface FullIntraRequest {
  readonly kind: "fir";
  readonly senderSsrc: number;
  readonly requests: readonly { readonly ssrc: number; readonly sequence: number }[];
}

/** `SSRC(32) sequence(8) reserved(24)`. */
const FIR_ENTRY_BYTES = 8;

export function parsePictureLossIndication(packet: Uint8Array): PictureLossIndication {
  if (packet.length < FEEDBACK_BYTES) throw rtcpTruncated("RTCP.PLI");
  return { kind: "pli", senderSsrc: readU32(packet, 4), mediaSsrc: readU32(packet, 8) };
}

export function encodePictureLossIndication(senderSsrc: number, mediaSsrc: number): Uint8Array<ArrayBuffer> {
  return createFeedback(RTCP_PSFB, PSFB_PLI, FEEDBACK_BYTES, senderSsrc, mediaSsrc);
}

export function parseFullIntraRequest(packet: Uint8Array): FullIntraRequest {
  if (packet.length < FEEDBACK_BYTES) throw rtcpTruncated("RTCP.FIR");
  const requests: { ssrc: number; sequence: number }[] = [];
  for (let at = FEEDBACK_BYTES; at + FIR_ENTRY_BYTES <= packet.length; at += FIR_ENTRY_BYTES) {
    requests.push({ ssrc: readU32(packet, at), sequence: packet[at + 4] as number });
  }
  return { kind: "fir", senderSsrc: readU32(packet, 4), requests };
}

export function encodeFullIntraRequest(
  senderSsrc: number,
  mediaSsrc: number,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  // The media source of the feedback header is unused and zero (RFC 5104 §4.3.1.2).
  const packet = createFeedback(RTCP_PSFB, PSFB_FIR, FEEDBACK_BYTES + FIR_ENTRY_BYTES, senderSsrc, 0);
  writeU32(packet, FEEDBACK_BYTES, mediaSsrc);
  packet[FEEDBACK_BYTES + 4] = sequence;
  return packet;
}
