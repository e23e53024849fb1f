import { MediaError } from "../../media-error.ts";
import { readU16 } from "../big-endian.ts";
import { type EstimatedBitrate, parseEstimatedBitrate } from "./estimated-bitrate.ts";
import { type GenericNack, parseGenericNack } from "./generic-nack.ts";
import {
  type FullIntraRequest,
  type PictureLossIndication,
  parseFullIntraRequest,
  parsePictureLossIndication,
} from "./picture-loss.ts";
import { parseReceiverReport, parseSenderReport, type ReceiverReport, type SenderReport } from "./reports.ts";
import {
  PSFB_APPLICATION,
  PSFB_FIR,
  PSFB_PLI,
  RTCP_BYE,
  RTCP_HEADER_BYTES,
  RTCP_PSFB,
  RTCP_RR,
  RTCP_RTPFB,
  RTCP_SDES,
  RTCP_SR,
  RTPFB_NACK,
  RTPFB_TRANSPORT_CC,
  rtcpTruncated,
} from "./rtcp-header.ts";
import {
  type Goodbye,
  parseGoodbye,
  parseSourceDescription,
  type SourceDescription,
} from "./source-description.ts";
import { parseTransportFeedback, type TransportFeedback } from "./transport-feedback.ts";

export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Goodbye
  | GenericNack
  | TransportFeedback
  | PictureLossIndication
  | FullIntraRequest
  | EstimatedBitrate;

export interface RtcpLimits {
  /** Whole datagram, bytes. */
  readonly maxBytes?: number;
  /** Packets in one datagram. */
  readonly maxPackets?: number;
}

/** No path carries more in one piece. */
export const MAX_RTCP_BYTES = 1_500;

/** Senders put reports, names and a few feedbacks together. */
export const MAX_RTCP_PACKETS = 32;

const PADDING_BIT = 0x20;

/**
 * All packets of a compound one (RFC 3550 §6.1), or of a reduced-size one (RFC 5506). Types and formats that are not
 * known here (extended reports, application packets) are passed over.
 * @throws MediaError "truncated", "malformed", "too-large", "too-many": what stands before the fault is given up too.
 */
export function parseRtcp(datagram: Uint8Array, limits: RtcpLimits = {}): RtcpPacket[] {
  const { maxBytes = MAX_RTCP_BYTES, maxPackets = MAX_RTCP_PACKETS } = limits;
  if (datagram.length > maxBytes) {
    throw new MediaError("too-large", "RTCP over the size limit", {
      field: "RTCP",
      limit: maxBytes,
      actual: datagram.length,
    });
  }
  if (datagram.length < RTCP_HEADER_BYTES) throw rtcpTruncated("RTCP");
  const packets: RtcpPacket[] = [];
  let count = 0;
  let at = 0;
  while (at < datagram.length) {
    count += 1;
    if (count > maxPackets) {
      throw new MediaError("too-many", "too many RTCP packets in one datagram", {
        field: "RTCP",
        limit: maxPackets,
      });
    }
    const end = endOfPacket(datagram, at);
    const packet = parseOne(datagram.subarray(at, end - paddingOf(datagram, at, end)));
    if (packet !== undefined) packets.push(packet);
    at = end;
  }
  return packets;
}

function endOfPacket(datagram: Uint8Array, at: number): number {
  if (at + RTCP_HEADER_BYTES > datagram.length) throw rtcpTruncated("RTCP");
  const version = (datagram[at] as number) >>> 6;
  if (version !== 2) {
    throw new MediaError("malformed", "RTCP version is not 2", { field: "RTCP.V", actual: version });
  }
  const end = at + 4 * (readU16(datagram, at + 2) + 1);
  if (end > datagram.length) throw rtcpTruncated("RTCP");
  return end;
}

function paddingOf(datagram: Uint8Array, at: number, end: number): number {
  if (((datagram[at] as number) & PADDING_BIT) === 0) return 0;
  const padding = datagram[end - 1] as number;
  if (padding === 0 || padding > end - at - RTCP_HEADER_BYTES) {
    throw new MediaError("malformed", "RTCP padding is out of range", {
      field: "RTCP.padding",
      limit: end - at - RTCP_HEADER_BYTES,
      actual: padding,
    });
  }
  return padding;
}

function parseOne(packet: Uint8Array): RtcpPacket | undefined {
  const count = (packet[0] as number) & 0x1f;
  switch (packet[1]) {
    case RTCP_SR:
      return parseSenderReport(packet, count);
    case RTCP_RR:
      return parseReceiverReport(packet, count);
    case RTCP_SDES:
      return parseSourceDescription(packet, count);
    case RTCP_BYE:
      return parseGoodbye(packet, count);
    case RTCP_RTPFB:
      if (count === RTPFB_NACK) return parseGenericNack(packet);
      return count === RTPFB_TRANSPORT_CC ? parseTransportFeedback(packet) : undefined;
    case RTCP_PSFB:
      if (count === PSFB_PLI) return parsePictureLossIndication(packet);
      if (count === PSFB_FIR) return parseFullIntraRequest(packet);
      return count === PSFB_APPLICATION ? parseEstimatedBitrate(packet) : undefined;
    default:
      return undefined;
  }
}
