/** A burst is told from live frames over this much media: single steps say nothing while the page is busy. */
const WINDOW_US = 150_000;

/** No burst is judged before this: while a page loads, even a burst comes in pieces. */
const SETTLING_US = 500_000;

/**
 * Of the first frames of a subscription, which come in one burst from the edge's cache, the age says nothing
 * about the network. This tells when frames start to come at the pace at which they were captured.
 */
export class ArrivalPace {
  #firstArrivalUs: number | undefined;
  #windowArrivalUs = 0;
  #windowStartUs = 0;
  #newestUs = Number.NEGATIVE_INFINITY;
  #isLive = false;

  /** True once arrivals keep pace with the media; stays so until `reset`. */
  get isLive(): boolean {
    return this.#isLive;
  }

  onArrival(arrivalUs: number, timestampUs: number): boolean {
    if (this.#isLive || timestampUs <= this.#newestUs) return this.#isLive;
    this.#newestUs = timestampUs;
    if (this.#firstArrivalUs === undefined) {
      this.#firstArrivalUs = arrivalUs;
      this.#startWindow(arrivalUs, timestampUs);
      return false;
    }
    const mediaUs = timestampUs - this.#windowStartUs;
    if (mediaUs < WINDOW_US) return false;
    const keepsPace = (arrivalUs - this.#windowArrivalUs) * 2 >= mediaUs;
    this.#isLive = keepsPace && arrivalUs - this.#firstArrivalUs >= SETTLING_US;
    this.#startWindow(arrivalUs, timestampUs);
    return this.#isLive;
  }

  reset(): void {
    this.#firstArrivalUs = undefined;
    this.#newestUs = Number.NEGATIVE_INFINITY;
    this.#isLive = false;
  }

  #startWindow(arrivalUs: number, timestampUs: number): void {
    this.#windowArrivalUs = arrivalUs;
    this.#windowStartUs = timestampUs;
  }
}
