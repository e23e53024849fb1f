import { ReceptionStatistics, RtpHeader, rtpSequence, type SenderReport } from "@canopy/media/rtp";
import { ReorderBuffer } from "./reorder-buffer.ts";
import { type SenderClock, SenderTimeline } from "./sender-timeline.ts";

export interface RtpSourceOptions {
  readonly ssrc: number;
  readonly clockRate: number;
  /** See `ReorderBufferOptions`. */
  readonly capacity: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly asksForMissing: boolean;
}

export interface RtpSourceDeps {
  readonly senderClock: SenderClock;
  /** The next packet in order. The header is valid during the call. */
  readonly onPacket: (header: RtpHeader, packet: Uint8Array) => void;
  /** The next packet has nothing to do with the last one. */
  readonly onRestart: () => void;
}

/** One SSRC of a publisher: order, statistics, timeline. */
export class RtpSource {
  readonly ssrc: number;
  statistics: ReceptionStatistics;
  readonly timeline: SenderTimeline;
  readonly buffer: ReorderBuffer;
  lastPacketMs = 0;
  /** The sender has said that it leaves. */
  saidGoodbye = false;
  readonly #header = new RtpHeader();

  constructor(options: RtpSourceOptions, deps: RtpSourceDeps) {
    const { ssrc, clockRate } = options;
    this.ssrc = ssrc;
    this.statistics = new ReceptionStatistics(ssrc, clockRate);
    this.timeline = new SenderTimeline({ clockRate }, deps.senderClock);
    this.buffer = new ReorderBuffer(options, {
      onPacket: (packet) => {
        // Was read when it came, so this does not throw.
        this.#header.read(packet);
        deps.onPacket(this.#header, packet);
      },
      onRestart: () => {
        this.statistics = new ReceptionStatistics(ssrc, clockRate);
        deps.onRestart();
      },
    });
  }

  push(packet: Uint8Array, header: RtpHeader, nowMs: number): void {
    this.lastPacketMs = nowMs;
    this.statistics.packet(header.sequence, header.timestamp, nowMs);
    this.buffer.push(packet, header.sequence, nowMs);
  }

  /** A packet that was asked for, as it came in a stream of repeats. */
  repeat(packet: Uint8Array, nowMs: number): void {
    this.lastPacketMs = nowMs;
    this.buffer.push(packet, rtpSequence(packet), nowMs);
  }

  senderReport(report: SenderReport, nowMs: number): void {
    this.statistics.senderReport(report, nowMs);
    this.timeline.report(report);
  }
}
