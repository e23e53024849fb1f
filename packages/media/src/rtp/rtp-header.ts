import { MediaError } from "../media-error.ts";
import { readU16, readU32, writeU16, writeU32 } from "./big-endian.ts";

/**
 * The fixed header, RFC 3550 §5.1:
 *
 *     V(2)=2 P(1) X(1) CC(4) | M(1) PT(7) | sequence number(16)
 *     timestamp(32)
 *     SSRC(32)
 *     CC × CSRC(32)
 *     X: profile(16) length in words(16), then that many words
 */
export const RTP_HEADER_BYTES = 12;

const VERSION = 2;
const PADDING_BIT = 0x20;
const EXTENSION_BIT = 0x10;
const MARKER_BIT = 0x80;

/** Second bytes of RTCP packets, 192 to 223, which no RTP packet of a multiplexed port uses (RFC 5761 §4). */
export function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1];
  return type !== undefined && type >= 192 && type <= 223;
}

/**
 * The header of one packet. An object of this class is meant to be read into again and again: a receiver needs one,
 * not one per packet. All positions are offsets into the bytes given to `read`.
 */
export class RtpHeader {
  payloadType = 0;
  marker = false;
  sequence = 0;
  timestamp = 0;
  ssrc = 0;
  /** "Defined by profile", e.g. 0xBEDE; 0 without extension. */
  extensionProfile = 0;
  extensionStart = 0;
  extensionEnd = 0;
  payloadStart = 0;
  /** Padding is left out. */
  payloadEnd = 0;

  /** Borrows `packet` for the call only. @throws MediaError "truncated", "malformed". */
  read(packet: Uint8Array): void {
    const length = packet.length;
    if (length < RTP_HEADER_BYTES) throw truncated("RTP");
    const first = packet[0] as number;
    if (first >>> 6 !== VERSION) {
      throw new MediaError("malformed", "RTP version is not 2", { field: "RTP.V", actual: first >>> 6 });
    }
    const second = packet[1] as number;
    let at = RTP_HEADER_BYTES + 4 * (first & 0x0f);
    if ((first & EXTENSION_BIT) !== 0) {
      if (at + 4 > length) throw truncated("RTP.extension");
      this.extensionProfile = readU16(packet, at);
      this.extensionStart = at + 4;
      at += 4 + 4 * readU16(packet, at + 2);
      this.extensionEnd = at;
    } else {
      this.extensionProfile = 0;
      this.extensionStart = at;
      this.extensionEnd = at;
    }
    if (at > length) throw truncated("RTP");
    let end = length;
    if ((first & PADDING_BIT) !== 0) {
      const padding = packet[length - 1] as number;
      if (padding === 0 || at + padding > length) {
        throw new MediaError("malformed", "RTP padding is out of range", {
          field: "RTP.padding",
          limit: length - at,
          actual: padding,
        });
      }
      end -= padding;
    }
    this.payloadType = second & 0x7f;
    this.marker = (second & MARKER_BIT) !== 0;
    this.sequence = readU16(packet, 2);
    this.timestamp = readU32(packet, 4);
    this.ssrc = readU32(packet, 8);
    this.payloadStart = at;
    this.payloadEnd = end;
  }
}

function truncated(field: string): MediaError {
  return new MediaError("truncated", `${field} ends early`, { field });
}

/** Reads of single fields, for packets whose header has been checked or that we wrote. */
export function rtpSequence(packet: Uint8Array): number {
  return readU16(packet, 2);
}

export function rtpTimestamp(packet: Uint8Array): number {
  return readU32(packet, 4);
}

export function rtpSsrc(packet: Uint8Array): number {
  return readU32(packet, 8);
}

/** Writes the fixed header without CSRCs or padding; `hasExtension` announces an extension, which follows. */
export function writeRtpHeader(
  packet: Uint8Array,
  payloadType: number,
  marker: boolean,
  sequence: number,
  timestamp: number,
  ssrc: number,
  hasExtension: boolean,
): void {
  packet[0] = hasExtension ? 0x80 | EXTENSION_BIT : 0x80;
  packet[1] = marker ? payloadType | MARKER_BIT : payloadType;
  writeU16(packet, 2, sequence);
  writeU32(packet, 4, timestamp);
  writeU32(packet, 8, ssrc);
}

/** Changes in place, for packets that go to many viewers with a payload type, sequence or SSRC of their own. */
export function rewriteRtpPayloadType(packet: Uint8Array, payloadType: number): void {
  packet[1] = ((packet[1] as number) & MARKER_BIT) | payloadType;
}

export function rewriteRtpSequence(packet: Uint8Array, sequence: number): void {
  writeU16(packet, 2, sequence);
}

export function rewriteRtpTimestamp(packet: Uint8Array, timestamp: number): void {
  writeU32(packet, 4, timestamp);
}

export function rewriteRtpSsrc(packet: Uint8Array, ssrc: number): void {
  writeU32(packet, 8, ssrc);
}
