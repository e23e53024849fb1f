import { MediaError } from "../media-error.ts";
import { readU16 } from "./big-endian.ts";
import { RTP_HEADER_BYTES, type RtpHeader, writeRtpHeader } from "./rtp-header.ts";

/** The original sequence number, which stands in front of the original payload (RFC 4588 §4). */
const ORIGINAL_SEQUENCE_BYTES = 2;

/**
 * The packet that a retransmission stream repeats, in a buffer of its own: with the payload type and SSRC of the
 * original stream, without header extensions. Undefined for padding alone, by which senders try what a way carries.
 * `header` is that of `packet`. @throws MediaError "truncated".
 */
export function restoreRetransmitted(
  packet: Uint8Array,
  header: RtpHeader,
  payloadType: number,
  ssrc: number,
): Uint8Array<ArrayBuffer> | undefined {
  const { payloadStart, payloadEnd, marker, timestamp } = header;
  const size = payloadEnd - payloadStart;
  if (size <= 0) return undefined;
  if (size < ORIGINAL_SEQUENCE_BYTES)
    throw new MediaError("truncated", "retransmission ends early", { field: "RTX" });
  const restored = new Uint8Array(RTP_HEADER_BYTES + size - ORIGINAL_SEQUENCE_BYTES);
  const sequence = readU16(packet, payloadStart);
  writeRtpHeader(restored, payloadType, marker, sequence, timestamp, ssrc, false);
  restored.set(packet.subarray(payloadStart + ORIGINAL_SEQUENCE_BYTES, payloadEnd), RTP_HEADER_BYTES);
  return restored;
}
