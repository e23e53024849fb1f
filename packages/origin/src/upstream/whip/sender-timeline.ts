import { type SenderReport, timestampDistance, unixUsOfNtp, usOfRtpTicks } from "@canopy/media/rtp";

/** Sender reports that differ from the timeline by more than this come from a clock that was set. */
const CLOCK_SET_US = 1_000_000;
/** The first report of a track may correct what arrival alone could not know: at most a quarter faster or slower. */
const FIRST_SLEW = 0.25;
/** Later reports correct the drift between the clocks of capture and of the wall, which is far below this. */
const LATER_SLEW = 0.02;
/** How long corrections of a track are still its first ones, µs of media. */
const SETTLING_US = 10_000_000;
/** Timestamps that jump further than this between neighbours begin anew at their arrival. */
const JUMP_TICKS_SECONDS = 5;

/**
 * What the tracks of one publisher share: the place of its wall clock on the common timeline. The first report sets
 * it, so that the track that it came for goes on without a step.
 */
export class SenderClock {
  #shiftUs: number | undefined;
  #epoch = 0;

  /** Counts how often the publisher's clock was set. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Where `ntpUs` lies on the timeline. `expectedUs` is where the asking track would put it, `trackEpoch` the epoch of
   * its last report. Undefined: the report was made before the clock was set, or by a clock of the track's own.
   */
  place(ntpUs: number, expectedUs: number, trackEpoch: number): number | undefined {
    const shiftUs = this.#shiftUs;
    if (shiftUs !== undefined) {
      const placedUs = ntpUs + shiftUs;
      if (Math.abs(placedUs - expectedUs) <= CLOCK_SET_US) return placedUs;
      if (trackEpoch !== this.#epoch) return undefined;
      this.#epoch += 1;
    }
    this.#shiftUs = expectedUs - ntpUs;
    return expectedUs;
  }
}

/**
 * Turns the RTP timestamps of one source into µs on a timeline that all tracks of its publisher share (design D6):
 * before the first sender report it starts at the arrival of the first packet, then it follows the reports, by which
 * the tracks come to lie as they were captured. Corrections are spread over the media that follows, so that time
 * neither jumps nor runs backwards. What `MediaClock` then maps to ours.
 */
export class SenderTimeline {
  readonly #clockRate: number;
  readonly #clock: SenderClock;
  #started = false;
  #startUs = 0;
  /** Newest timestamp and its place. */
  #ticks = 0;
  #us = 0;
  /** What is still to be corrected, µs. */
  #errorUs = 0;
  #trackEpoch = 0;
  #reports = 0;

  constructor(options: { readonly clockRate: number }, clock: SenderClock) {
    this.#clockRate = options.clockRate;
    this.#clock = clock;
  }

  /** Place of the newest timestamp. */
  get newestUs(): number {
    return this.#us;
  }

  /** Sender reports that were taken into account. */
  get reports(): number {
    return this.#reports;
  }

  /**
   * Place of an RTP timestamp. Timestamps behind the newest (pictures out of order) are placed relative to it.
   * `arrivalUs` is our wall clock.
   */
  place(timestamp: number, arrivalUs: number): number {
    if (!this.#started) return this.#start(timestamp, arrivalUs);
    const ahead = timestampDistance(this.#ticks, timestamp);
    const aheadUs = usOfRtpTicks(ahead, this.#clockRate);
    if (Math.abs(aheadUs) > JUMP_TICKS_SECONDS * 1_000_000 && !this.#isPause(aheadUs, arrivalUs)) {
      return this.#start(timestamp, arrivalUs);
    }
    if (ahead <= 0) return this.#us + aheadUs;
    this.#ticks = timestamp;
    this.#us += aheadUs + this.#correction(aheadUs);
    return this.#us;
  }

  /** A sender report of this source. Reports without a wall-clock time (RFC 3550 §6.4.1 allows it) say nothing. */
  report(report: SenderReport): void {
    if (!this.#started || (report.ntpSeconds === 0 && report.ntpFraction === 0)) return;
    const ahead = usOfRtpTicks(timestampDistance(this.#ticks, report.rtpTimestamp), this.#clockRate);
    // A report about another time than that of the packets around it is no use.
    if (Math.abs(ahead) > JUMP_TICKS_SECONDS * 1_000_000) return;
    const expectedUs = this.#us + ahead;
    const ntpUs = unixUsOfNtp(report.ntpSeconds, report.ntpFraction);
    const placedUs = this.#clock.place(ntpUs, expectedUs, this.#trackEpoch);
    if (placedUs === undefined) return;
    this.#trackEpoch = this.#clock.epoch;
    this.#errorUs = placedUs - expectedUs;
    this.#reports += 1;
  }

  /** A source that sent nothing for a while and goes on with its clock has not jumped. */
  #isPause(aheadUs: number, arrivalUs: number): boolean {
    return aheadUs > 0 && Math.abs(this.#us + aheadUs - arrivalUs) < JUMP_TICKS_SECONDS * 1_000_000;
  }

  #start(timestamp: number, arrivalUs: number): number {
    this.#started = true;
    this.#ticks = timestamp;
    // Never back: what follows a jump must not lie among what was before it.
    this.#us = Math.max(arrivalUs, this.#us + 1);
    this.#startUs = this.#us;
    this.#errorUs = 0;
    return this.#us;
  }

  #correction(aheadUs: number): number {
    if (this.#errorUs === 0) return 0;
    const slew = this.#us - this.#startUs < SETTLING_US ? FIRST_SLEW : LATER_SLEW;
    const most = slew * aheadUs;
    const step = Math.max(-most, Math.min(most, this.#errorUs));
    this.#errorUs -= step;
    return step;
  }
}
