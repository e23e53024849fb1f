import { readU24, readU32, writeU24, writeU32 } from "../big-endian.ts";
import { createRtcp, RTCP_RR, RTCP_SR, rtcpTruncated } from "./rtcp-header.ts";

/** Reception of one source, RFC 3550 §6.4.1. */
export interface ReportBlock {
  readonly ssrc: number;
  /** Since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Signed: duplicates can make it negative. */
  readonly cumulativeLost: number;
  /** Cycles in the upper, sequence number in the lower 16 bits. */
  readonly highestSequence: number;
  /** In ticks of the source's clock. */
  readonly jitter: number;
  /** `compactNtp` of the last sender report; 0: none yet. */
  readonly lastSenderReport: number;
  /** Since that report, in 1/65,536 s. */
  readonly delaySinceLastSenderReport: number;
}

export interface SenderReport {
  readonly kind: "sender-report";
  readonly ssrc: number;
  /** The NTP time at which `rtpTimestamp` was captured. */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
  readonly reports: readonly ReportBlock[];
}

export interface ReceiverReport {
  readonly kind: "receiver-report";
  readonly ssrc: number;
  readonly reports: readonly ReportBlock[];
}

const BLOCK_BYTES = 24;
const SENDER_INFO_BYTES = 28;
const RECEIVER_INFO_BYTES = 8;

function parseBlocks(packet: Uint8Array, start: number, count: number, field: string): ReportBlock[] {
  // What follows the blocks is a profile's extension, and is passed over.
  if (start + count * BLOCK_BYTES > packet.length) throw rtcpTruncated(field);
  const reports: ReportBlock[] = [];
  for (let at = start; at < start + count * BLOCK_BYTES; at += BLOCK_BYTES) {
    reports.push({
      ssrc: readU32(packet, at),
      fractionLost: packet[at + 4] as number,
      cumulativeLost: (readU24(packet, at + 5) << 8) >> 8,
      highestSequence: readU32(packet, at + 8),
      jitter: readU32(packet, at + 12),
      lastSenderReport: readU32(packet, at + 16),
      delaySinceLastSenderReport: readU32(packet, at + 20),
    });
  }
  return reports;
}

function writeBlocks(packet: Uint8Array, start: number, reports: readonly ReportBlock[]): void {
  let at = start;
  for (const report of reports) {
    writeU32(packet, at, report.ssrc);
    packet[at + 4] = report.fractionLost;
    writeU24(packet, at + 5, Math.max(-0x80_0000, Math.min(0x7f_ffff, report.cumulativeLost)));
    writeU32(packet, at + 8, report.highestSequence);
    writeU32(packet, at + 12, report.jitter);
    writeU32(packet, at + 16, report.lastSenderReport);
    writeU32(packet, at + 20, report.delaySinceLastSenderReport);
    at += BLOCK_BYTES;
  }
}

/** `packet` is one RTCP packet without padding, `count` from its header. */
export function parseSenderReport(packet: Uint8Array, count: number): SenderReport {
  if (packet.length < SENDER_INFO_BYTES) throw rtcpTruncated("RTCP.SR");
  return {
    kind: "sender-report",
    ssrc: readU32(packet, 4),
    ntpSeconds: readU32(packet, 8),
    ntpFraction: readU32(packet, 12),
    rtpTimestamp: readU32(packet, 16),
    packets: readU32(packet, 20),
    octets: readU32(packet, 24),
    reports: parseBlocks(packet, SENDER_INFO_BYTES, count, "RTCP.SR"),
  };
}

export function parseReceiverReport(packet: Uint8Array, count: number): ReceiverReport {
  if (packet.length < RECEIVER_INFO_BYTES) throw rtcpTruncated("RTCP.RR");
  return {
    kind: "receiver-report",
    ssrc: readU32(packet, 4),
    reports: parseBlocks(packet, RECEIVER_INFO_BYTES, count, "RTCP.RR"),
  };
}

/** At most 31 blocks (RC has five bits). */
export function encodeSenderReport(report: Omit<SenderReport, "kind">): Uint8Array<ArrayBuffer> {
  const count = report.reports.length;
  const packet = createRtcp(RTCP_SR, count, SENDER_INFO_BYTES + count * BLOCK_BYTES);
  writeU32(packet, 4, report.ssrc);
  writeU32(packet, 8, report.ntpSeconds);
  writeU32(packet, 12, report.ntpFraction);
  writeU32(packet, 16, report.rtpTimestamp);
  writeU32(packet, 20, report.packets);
  writeU32(packet, 24, report.octets);
  writeBlocks(packet, SENDER_INFO_BYTES, report.reports);
  return packet;
}

/** At most 31 blocks. */
export function encodeReceiverReport(ssrc: number, reports: readonly ReportBlock[]): Uint8Array<ArrayBuffer> {
  const packet = createRtcp(RTCP_RR, reports.length, RECEIVER_INFO_BYTES + reports.length * BLOCK_BYTES);
  writeU32(packet, 4, ssrc);
  writeBlocks(packet, RECEIVER_INFO_BYTES, reports);
  return packet;
}
