/** What is known about a viewer's path at one moment. */
export interface PathReport {
  readonly nowMs: number;
  /** The viewer's own estimate (REMB), bits per second; undefined while he has sent none. */
  readonly estimateBps: number | undefined;
  /** Share of packets lost before retransmission, 0 to 1. */
  readonly loss: number;
  /** How much longer round trips take than the shortest one did, ms. */
  readonly queueMs: number;
  /** Of the renditions, highest first, bits per second; 0 = not known. */
  readonly bitrates: readonly number[];
}

/** No picture, only sound. */
export const AUDIO_ONLY = -1;

/** Sound, control and what is sent again. */
const RESERVED_BPS = 100_000;
/** An estimate below this share of what is sent says that the path is full. */
const FULL_SHARE = 0.9;
/** Loss above this is congestion, not a bad radio link. */
const HEAVY_LOSS = 0.2;
const LIGHT_LOSS = 0.05;
/** How long a path has to be full before a lower rendition is taken. */
const DOWN_AFTER_MS = 2_000;
/** How long it has to carry less than half of the lowest one, and to show it, before the picture is given up. */
const AUDIO_ONLY_AFTER_MS = 5_000;
const AUDIO_ONLY_SHARE = 0.5;
/** How long a path has to be free before a higher one is tried. */
const UP_AFTER_MS = 5_000;
/** An estimate is at most half again what arrives, so a higher rendition is tried when it comes near to that. */
const UP_SHARE = 1.2;
/** An estimate that falls by more than this since a rendition was tried, instead of growing, is a path that is full. */
const FALLING_SHARE = 0.95;
/** So much more than the shortest round trip is a queue that fills up. */
const LONG_QUEUE_MS = 300;
/** An attempt that had to be taken back within this time makes the next one wait twice as long. */
const FAILED_WITHIN_MS = 15_000;
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 120_000;

/**
 * Chooses a viewer's rendition from his own estimate of the bandwidth. Time is an argument.
 *
 * An estimate grows with what arrives: by 8 % a second at best, and in Chromium not at all for a minute and more when
 * what arrives has jumped to several times as much. So it says little of a rendition that is just being tried: until it
 * has once reached that one's bitrate, what counts is whether it falls, packets are lost, or a queue fills up.
 */
export class RenditionChooser {
  /** Place in the list of renditions, or `AUDIO_ONLY`. */
  current = 0;
  #fullSinceMs = 0;
  #starvedSinceMs = 0;
  #freeSinceMs = 0;
  #raisedAtMs = Number.NEGATIVE_INFINITY;
  /** The present rendition was tried, and the estimate has not reached it; the highest one since then. */
  #triedBps: number | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #nextTryMs = 0;

  /** Called about once a second. Returns the place to use from now on. */
  update(report: PathReport): number {
    const { bitrates } = report;
    if (bitrates.length === 0) return AUDIO_ONLY;
    if (this.current >= bitrates.length) this.current = bitrates.length - 1;
    if (report.estimateBps === undefined) return this.current;
    if (this.current === AUDIO_ONLY) this.#tryPicture(report, report.estimateBps);
    else this.#adjust(report, report.estimateBps);
    return this.current;
  }

  #adjust(report: PathReport, estimateBps: number): void {
    const { nowMs, loss, queueMs, bitrates } = report;
    const budget = estimateBps - RESERVED_BPS;
    const rate = bitrates[this.current] ?? 0;
    const lowest = bitrates.length - 1;
    const isFair = budget >= rate * FULL_SHARE;
    if (isFair) this.#triedBps = undefined;
    const tooLittle = rate > 0 && !isFair && this.#speaksAgainst(report, estimateBps);
    const full = tooLittle || loss > HEAVY_LOSS;
    this.#fullSinceMs = full ? this.#fullSinceMs || nowMs : 0;
    this.#freeSinceMs = full || loss > LIGHT_LOSS ? 0 : this.#freeSinceMs || nowMs;
    // A path that is sent twice what it carries loses packets, or they wait. An estimate alone falls as well where a
    // machine is too busy to take packets as they arrive: it still gets all of them, and the picture is not taken away.
    const isPathFull = loss > LIGHT_LOSS || queueMs > LONG_QUEUE_MS;
    const starved = this.current === lowest && tooLittle && isPathFull && budget < rate * AUDIO_ONLY_SHARE;
    this.#starvedSinceMs = starved ? this.#starvedSinceMs || nowMs : 0;
    if (full && this.current < lowest && nowMs - this.#fullSinceMs >= DOWN_AFTER_MS) {
      let next = this.current + 1;
      while (next < lowest && (bitrates[next] ?? 0) > budget) next += 1;
      this.#lower(next, nowMs);
    } else if (starved && nowMs - this.#starvedSinceMs >= AUDIO_ONLY_AFTER_MS) {
      this.#lower(AUDIO_ONLY, nowMs);
    } else if (
      this.current > 0 &&
      this.#mayRaise(nowMs) &&
      budget >= Math.min(rate * UP_SHARE, this.#above(bitrates))
    ) {
      this.#raise(this.current - 1, nowMs, estimateBps);
    }
  }

  /** Whether an estimate that is too low for the present rendition means that the path is full. */
  #speaksAgainst({ loss, queueMs }: PathReport, estimateBps: number): boolean {
    if (this.#triedBps === undefined || loss > LIGHT_LOSS || queueMs > LONG_QUEUE_MS) return true;
    const isFalling = estimateBps < this.#triedBps * FALLING_SHARE;
    this.#triedBps = Math.max(this.#triedBps, estimateBps);
    return isFalling;
  }

  #above(bitrates: readonly number[]): number {
    return bitrates[this.current - 1] || Number.POSITIVE_INFINITY;
  }

  #mayRaise(nowMs: number): boolean {
    return this.#freeSinceMs !== 0 && nowMs - this.#freeSinceMs >= UP_AFTER_MS && nowMs >= this.#nextTryMs;
  }

  /** With sound alone the estimate says nothing about what a picture could have: only time tells. */
  #tryPicture({ nowMs, bitrates }: PathReport, estimateBps: number): void {
    if (nowMs >= this.#nextTryMs) this.#raise(bitrates.length - 1, nowMs, estimateBps);
  }

  #lower(place: number, nowMs: number): void {
    if (nowMs - this.#raisedAtMs < FAILED_WITHIN_MS)
      this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
    this.#nextTryMs = nowMs + this.#backoffMs;
    this.#change(place);
  }

  #raise(place: number, nowMs: number, estimateBps: number): void {
    if (nowMs - this.#raisedAtMs > MAX_BACKOFF_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    this.#raisedAtMs = nowMs;
    this.#nextTryMs = nowMs + UP_AFTER_MS;
    this.#change(place);
    this.#triedBps = estimateBps;
  }

  #change(place: number): void {
    this.current = place;
    this.#fullSinceMs = 0;
    this.#starvedSinceMs = 0;
    this.#freeSinceMs = 0;
    this.#triedBps = undefined;
  }
}
