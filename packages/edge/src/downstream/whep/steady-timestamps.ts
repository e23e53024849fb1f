import { timestampDistance } from "@canopy/media/rtp";

/**
 * How far a packet may lie from where the one before ended, in ticks of 48 kHz (10 ms), and still count as its
 * continuation. Publishers round their times to a millisecond; what is further away is a gap or another run of a clock.
 */
const SLACK_TICKS = 480;

/**
 * RTP timestamps of sound: each packet begins where the one before ended. Receivers fill a gap of a single sample with
 * made-up sound and cut an overlap, which is heard as a crackle in every packet; media times wander by that much, as
 * they are rounded on their way. What adds up (a clock that runs fast or slow) is corrected in one step beyond the slack.
 */
export class SteadyTimestamps {
  #next: number | undefined;

  /** The timestamp to send for a packet with this one, which plays for `durationTicks`. */
  take(timestamp: number, durationTicks: number): number {
    const next = this.#next;
    const continues = next !== undefined && Math.abs(timestampDistance(next, timestamp)) <= SLACK_TICKS;
    const start = continues ? next : timestamp;
    this.#next = (start + durationTicks) >>> 0;
    return start;
  }
}
