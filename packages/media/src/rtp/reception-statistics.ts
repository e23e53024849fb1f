import { compactNtp } from "./ntp-time.ts";
import type { ReportBlock, SenderReport } from "./rtcp/reports.ts";
import { sequenceDistance, timestampDistance } from "./sequence-number.ts";

/** A source that jumps further than this has started anew (RFC 3550 A.1, MAX_DROPOUT). */
const MAX_DROPOUT = 3_000;

/** Delays in reports count in 1/65,536 s. */
const DELAY_TICKS_PER_MS = 65.536;

/** What a receiver knows about one source, and its report blocks (RFC 3550 A.1, A.3, A.8). */
export class ReceptionStatistics {
  readonly #ssrc: number;
  readonly #ticksPerMs: number;
  #isStarted = false;
  #base = 0;
  #highest = 0;
  #cycles = 0;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #lastTimestamp = 0;
  #lastArrivalMs = 0;
  #jitter = 0;
  #lastSenderReport = 0;
  #lastSenderReportAtMs = 0;

  constructor(ssrc: number, clockRate: number) {
    this.#ssrc = ssrc;
    this.#ticksPerMs = clockRate / 1000;
  }

  get received(): number {
    return this.#received;
  }

  /** Since the start; negative when there were more duplicates than losses. */
  get lost(): number {
    return this.#isStarted ? this.#cycles + this.#highest - this.#base + 1 - this.#received : 0;
  }

  /** Interarrival jitter, ms. */
  get jitterMs(): number {
    return this.#jitter / this.#ticksPerMs;
  }

  /** Every packet that came, whatever its order. `arrivalMs` on any clock that does not jump. */
  packet(sequence: number, timestamp: number, arrivalMs: number): void {
    if (!this.#isStarted) {
      this.#start(sequence);
      this.#lastTimestamp = timestamp;
      this.#lastArrivalMs = arrivalMs;
    } else {
      const ahead = sequenceDistance(this.#highest, sequence);
      if (ahead > MAX_DROPOUT) this.#start(sequence);
      else if (ahead > 0) {
        if (sequence < this.#highest) this.#cycles += 0x1_0000;
        this.#highest = sequence;
      }
      // A.8. All packets of a picture have one timestamp, and the later ones come later because there are many.
      if (timestamp !== this.#lastTimestamp) {
        const elapsed = (arrivalMs - this.#lastArrivalMs) * this.#ticksPerMs;
        const difference = Math.abs(elapsed - timestampDistance(this.#lastTimestamp, timestamp));
        this.#jitter += (difference - this.#jitter) / 16;
      }
    }
    this.#received += 1;
    if (timestamp !== this.#lastTimestamp) {
      this.#lastTimestamp = timestamp;
      this.#lastArrivalMs = arrivalMs;
    }
  }

  #start(sequence: number): void {
    this.#isStarted = true;
    this.#base = sequence;
    this.#highest = sequence;
    this.#cycles = 0;
    this.#received = 0;
    this.#expectedBefore = 0;
    this.#receivedBefore = 0;
  }

  senderReport(report: SenderReport, arrivalMs: number): void {
    this.#lastSenderReport = compactNtp(report.ntpSeconds, report.ntpFraction);
    this.#lastSenderReportAtMs = arrivalMs;
  }

  /** The block for the time since the last call. */
  report(nowMs: number): ReportBlock {
    const highest = this.#cycles + this.#highest;
    const expected = this.#isStarted ? highest - this.#base + 1 : 0;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.#received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;
    const hasReport = this.#lastSenderReport !== 0;
    return {
      ssrc: this.#ssrc,
      fractionLost: lostNow > 0 ? Math.min(255, Math.floor((256 * lostNow) / expectedNow)) : 0,
      cumulativeLost: expected - this.#received,
      highestSequence: highest >>> 0,
      jitter: Math.floor(this.#jitter),
      lastSenderReport: this.#lastSenderReport,
      delaySinceLastSenderReport: hasReport
        ? Math.round((nowMs - this.#lastSenderReportAtMs) * DELAY_TICKS_PER_MS) >>> 0
        : 0,
    };
  }
}
