/** A publisher may be ahead of real time by this much: backlogs of live encoders are smaller. */
const ALLOWANCE_US = 5_000_000;
/** The allowance is given back slowly, so that a live encoder whose clock runs fast is never held. */
const RELEASE = 0.001;
/** A step of timestamps that is no playing out: it starts the measurement anew. */
const JUMP_US = 2_000_000;

/** Finds publishers that send a recording as fast as the network takes it, to hold them back to real time. */
export class Pace {
  #newestUs: number | undefined;
  #dueUs = 0;

  /** How long to hold the publisher back before more is read, ms; 0 = not at all. */
  observe(timestampUs: number, arrivalUs: number): number {
    const newest = this.#newestUs;
    if (newest === undefined || Math.abs(timestampUs - newest) > JUMP_US) {
      this.#newestUs = timestampUs;
      this.#dueUs = arrivalUs;
      return 0;
    }
    if (timestampUs > newest) {
      this.#dueUs += (timestampUs - newest) * (1 - RELEASE);
      this.#newestUs = timestampUs;
    }
    // A publisher that is behind has no credit for it: what it missed it may not send at once later.
    if (this.#dueUs < arrivalUs) this.#dueUs = arrivalUs;
    const aheadUs = this.#dueUs - arrivalUs - ALLOWANCE_US;
    return aheadUs > 0 ? Math.ceil(aheadUs / 1_000) : 0;
  }
}
