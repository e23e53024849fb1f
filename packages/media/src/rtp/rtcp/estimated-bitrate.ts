import { readU32, writeU24, writeU32 } from "../big-endian.ts";
import { createFeedback, FEEDBACK_BYTES, PSFB_APPLICATION, RTCP_PSFB, rtcpTruncated } from "./rtcp-header.ts";

/**
 * REMB, draft-alvestrand-rmcat-remb-03 §2.2:
 *
 *     "REMB"(32)
 *     count(8) exponent(6) mantissa(18)     bit/s = mantissa · 2^exponent
 *     count × SSRC(32)
 */
export interface EstimatedBitrate {
  readonly kind: "remb";
  readonly senderSsrc: number;
  readonly bitsPerSecond: number;
  readonly ssrcs: readonly number[];
}

/** "REMB". */
const IDENTIFIER = 0x5245_4d42;
const MANTISSA_LIMIT = 0x4_0000;

/** Undefined for an application message that is not REMB. */
export function parseEstimatedBitrate(packet: Uint8Array): EstimatedBitrate | undefined {
  if (packet.length < FEEDBACK_BYTES + 4) throw rtcpTruncated("RTCP.PSFB");
  if (readU32(packet, FEEDBACK_BYTES) !== IDENTIFIER) return undefined;
  if (packet.length < FEEDBACK_BYTES + 8) throw rtcpTruncated("RTCP.REMB");
  const word = readU32(packet, FEEDBACK_BYTES + 4);
  const count = word >>> 24;
  const start = FEEDBACK_BYTES + 8;
  if (start + 4 * count > packet.length) throw rtcpTruncated("RTCP.REMB");
  const ssrcs: number[] = [];
  for (let i = 0; i < count; i += 1) ssrcs.push(readU32(packet, start + 4 * i));
  return {
    kind: "remb",
    senderSsrc: readU32(packet, 4),
    bitsPerSecond: (word & 0x3_ffff) * 2 ** ((word >>> 18) & 0x3f),
    ssrcs,
  };
}

/** The rate is rounded down to 18 significant bits. At most 255 sources. */
export function encodeEstimatedBitrate(
  senderSsrc: number,
  bitsPerSecond: number,
  ssrcs: readonly number[],
): Uint8Array<ArrayBuffer> {
  let exponent = 0;
  while (bitsPerSecond / 2 ** exponent >= MANTISSA_LIMIT) exponent += 1;
  const mantissa = Math.floor(bitsPerSecond / 2 ** exponent);
  const bytes = FEEDBACK_BYTES + 8 + 4 * ssrcs.length;
  const packet = createFeedback(RTCP_PSFB, PSFB_APPLICATION, bytes, senderSsrc, 0);
  writeU32(packet, FEEDBACK_BYTES, IDENTIFIER);
  packet[FEEDBACK_BYTES + 4] = ssrcs.length;
  writeU24(packet, FEEDBACK_BYTES + 5, exponent * MANTISSA_LIMIT + mantissa);
  for (const [i, ssrc] of ssrcs.entries()) writeU32(packet, FEEDBACK_BYTES + 8 + 4 * i, ssrc);
  return packet;
}
