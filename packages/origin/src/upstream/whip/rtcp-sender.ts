import {
  encodeEstimatedBitrate,
  encodeFullIntraRequest,
  encodeGenericNack,
  encodePictureLossIndication,
  encodeReceiverReport,
  encodeSourceDescription,
  type ReportBlock,
  TransportFeedbackRecorder,
} from "@canopy/media/rtp";
import { BitrateLimit } from "./bitrate-limit.ts";
import type { ChosenMedia } from "./choose-media.ts";
import type { RtpSource } from "./rtp-source.ts";

export interface RtcpSenderOptions {
  /** Of the receiver. */
  readonly ssrc: number;
  readonly cname: string;
  readonly bandwidth: ChosenMedia["bandwidth"];
  readonly keyframeRequest: "pli" | "fir" | undefined;
  readonly maxVideoKbps: number;
}

export interface RtcpSenderDeps {
  readonly send: (packet: Buffer) => void;
}

/** A loaded sender reacts within a few of these; browsers send theirs as often. */
const TRANSPORT_FEEDBACK_MS = 100;
const REPORT_MS = 1_000;

/** Everything that a publisher is told by RTCP. */
export class RtcpSender {
  readonly #options: RtcpSenderOptions;
  readonly #send: (packet: Buffer) => void;
  readonly #recorder: TransportFeedbackRecorder;
  readonly #limit: BitrateLimit;
  readonly #missing: number[] = [];
  #firSequence = 0;
  #feedbackMs = 0;
  #reportMs = 0;
  #bytes = 0;

  constructor(options: RtcpSenderOptions, deps: RtcpSenderDeps) {
    this.#options = options;
    this.#send = deps.send;
    this.#recorder = new TransportFeedbackRecorder(options.ssrc);
    this.#limit = new BitrateLimit({ highestBps: options.maxVideoKbps * 1_000 });
  }

  /** Every RTP packet; `transportSequence` is -1 where it has none. */
  packet(transportSequence: number, bytes: number, nowUs: number): void {
    this.#bytes += bytes;
    if (transportSequence >= 0) this.#recorder.packet(transportSequence, nowUs);
  }

  askForMissing(source: RtpSource, nowMs: number): void {
    if (!source.buffer.waits) return;
    const missing = this.#missing;
    missing.length = 0;
    source.buffer.collectRequests(nowMs, missing);
    if (missing.length > 0) this.#write(encodeGenericNack(this.#options.ssrc, source.ssrc, missing));
  }

  askForKeyframe(source: RtpSource): void {
    const { ssrc, keyframeRequest } = this.#options;
    if (keyframeRequest === "pli") this.#write(encodePictureLossIndication(ssrc, source.ssrc));
    else if (keyframeRequest === "fir") {
      this.#write(encodeFullIntraRequest(ssrc, source.ssrc, this.#firSequence));
      this.#firSequence = (this.#firSequence + 1) & 0xff;
    }
  }

  /** Periodic feedback. Sources that have been heard, the ones that carry most first. */
  tick(sources: readonly RtpSource[], nowMs: number): void {
    const [first] = sources;
    if (first === undefined) return;
    if (nowMs - this.#feedbackMs >= TRANSPORT_FEEDBACK_MS) {
      this.#feedbackMs = nowMs;
      const feedback = this.#recorder.feedback(first.ssrc);
      if (feedback !== undefined) this.#write(feedback);
    }
    if (nowMs - this.#reportMs < REPORT_MS) return;
    const elapsedMs = nowMs - this.#reportMs;
    const isFirst = this.#reportMs === 0;
    this.#reportMs = nowMs;
    this.#report(sources, nowMs, isFirst ? 0 : (this.#bytes * 8_000) / elapsedMs);
    this.#bytes = 0;
  }

  /** A compound packet (RFC 3550 §6.1): report, name, and the limit for those that ask for it. */
  #report(sources: readonly RtpSource[], nowMs: number, receivedBps: number): void {
    const { ssrc, cname, bandwidth } = this.#options;
    const blocks = sources.map((source) => source.statistics.report(nowMs));
    const parts = [encodeReceiverReport(ssrc, blocks), encodeSourceDescription(ssrc, cname)];
    if (bandwidth === "remb") {
      const limitBps = this.#limit.update(worstLoss(blocks), receivedBps);
      parts.push(
        encodeEstimatedBitrate(
          ssrc,
          limitBps,
          sources.map((source) => source.ssrc),
        ),
      );
    }
    this.#send(Buffer.concat(parts));
  }

  #write(packet: Uint8Array<ArrayBuffer>): void {
    this.#send(Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength));
  }
}

function worstLoss(blocks: readonly ReportBlock[]): number {
  let worst = 0;
  for (const { fractionLost } of blocks) worst = Math.max(worst, fractionLost / 256);
  return worst;
}
