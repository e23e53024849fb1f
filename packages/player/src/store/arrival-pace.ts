/**
 * Of the first frames of a subscription, which come in one burst from the edge's cache, the age says nothing
 * about the network. This tells when frames start to come at the pace at which they were captured.
 */
export class ArrivalPace {
  #lastArrivalUs = 0;
  #newestUs = Number.NEGATIVE_INFINITY;
  #isLive = false;

  /** True once arrivals keep pace with the media; stays so until `reset`. */
  get isLive(): boolean {
    return this.#isLive;
  }

  onArrival(arrivalUs: number, timestampUs: number): boolean {
    if (timestampUs <= this.#newestUs) return this.#isLive;
    const mediaStepUs = timestampUs - this.#newestUs;
    const arrivalStepUs = arrivalUs - this.#lastArrivalUs;
    if (Number.isFinite(this.#newestUs) && arrivalStepUs * 2 >= mediaStepUs) this.#isLive = true;
    this.#newestUs = timestampUs;
    this.#lastArrivalUs = arrivalUs;
    return this.#isLive;
  }

  reset(): void {
    this.#newestUs = Number.NEGATIVE_INFINITY;
    this.#isLive = false;
  }
}
