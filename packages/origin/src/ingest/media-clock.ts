import { SlidingMinimum } from "./sliding-minimum.ts";

export interface MediaClockOptions {
  /** Span over which the fastest arrival is looked for. Longer follows drift less closely, shorter sees more jitter. */
  readonly windowUs: number;
  /** A single step of a track's timestamps, beyond what the clock on the wall did, that starts a new anchor. */
  readonly jumpUs: number;
  /** Media time this far ahead of arrival (a publisher faster than real time) also starts a new anchor. */
  readonly maxLeadUs: number;
}

export const DEFAULT_MEDIA_CLOCK_OPTIONS: MediaClockOptions = {
  windowUs: 10_000_000,
  jumpUs: 1_500_000,
  maxLeadUs: 3_000_000,
};

const WINDOW_BUCKETS = 20;
/** A track may step back this far (encoders that round badly) without being taken for restarted. */
const BACKSTEP_US = 500_000;
/** The other track of a publisher may lag behind by this much in the interleaving. */
const INTERLEAVE_US = 3_000_000;
/** An anchor that no track used for this long is given up. */
const STALE_US = 30_000_000;
/** The lowest correction rate: what drift of any real clock (tens of ppm, 200 at worst) needs with room to spare. */
const MIN_SLEW = 0.001;
/** Media time is late (a slower way, a frozen encoder): at most 5% faster, so that nobody hears it. */
const MAX_SLEW_UP = 0.05;
const SLEW_UP_TIME_US = 10_000_000;
/** Media time is ahead of arrival, which cannot be: burst at the start. At most half speed, so it stays monotonic. */
const MAX_SLEW_DOWN = 0.5;
const SLEW_DOWN_TIME_US = 1_000_000;
/** More than any encoder reorders: what claims to be shown later does not move the end of the curve there. */
const MAX_COMPOSITION_US = 1_000_000;
/** Remembered corrections, so that what lags behind the newest time is mapped like that one was. */
const HISTORY = 256;

/**
 * Maps a publisher's timestamps to media time, wall-clock µs (design D6).
 *
 * The publisher's clock and ours differ by an unknown offset; every arrival shows it plus the delay of that frame.
 * The smallest difference of the last seconds is the offset with the least delay in it. The mapping is moved there
 * gradually (slew), so media time is smooth and grows with the timestamps. All tracks share one anchor, so their
 * distance to each other is what the publisher meant. A track whose timestamps jump starts a new anchor, which the
 * other tracks join when they jump too; until then they keep theirs.
 *
 * The mapping is one growing curve, which is only ever continued at its end: the newest time, of presentation, of any
 * track. So pictures that are reordered, and tracks that lag in the interleaving, keep their order whatever the
 * correction does meanwhile.
 *
 * Direction of error: media time is late by the smallest one-way delay (network and encoder), never early for long.
 */
export class MediaClock {
  readonly #options: MediaClockOptions;
  readonly #lastMediaUs = new Map<string, number>();
  readonly #anchorOf = new Map<string, Anchor>();
  #anchors: Anchor[] = [];
  #jumps = 0;

  constructor(options: MediaClockOptions = DEFAULT_MEDIA_CLOCK_OPTIONS) {
    this.#options = options;
  }

  /** How often timestamps jumped, so that a new anchor was needed. The first one of a publisher does not count. */
  get jumps(): number {
    return this.#jumps;
  }

  /** How far media time is ahead of arrival, µs; positive only while a publisher sends faster than real time. */
  leadUs(nowUs: number): number {
    let lead = 0;
    for (const anchor of this.#anchors) lead = Math.max(lead, anchor.newestMediaUs - nowUs);
    return lead;
  }

  /**
   * Media time at which a frame is shown or heard. The frame's decoding time grows strictly per track; so does the
   * presentation time where nothing is reordered. Hot path.
   * @param track a stable name per track
   * @param timestampUs decoding timestamp on the publisher's clock, unwrapped
   * @param arrivalUs our wall clock
   * @param compositionUs presentation after decoding, on the publisher's clock
   */
  map(track: string, timestampUs: number, arrivalUs: number, compositionUs = 0): number {
    const anchor = this.#findAnchor(track, timestampUs, arrivalUs);
    anchor.observe(track, timestampUs, arrivalUs, timestampUs + compositionUs);
    const mappedUs = Math.round(timestampUs + anchor.offsetAt(timestampUs));
    const last = this.#lastMediaUs.get(track);
    const mediaUs = last !== undefined && mappedUs <= last ? last + 1 : mappedUs;
    this.#lastMediaUs.set(track, mediaUs);
    anchor.newestMediaUs = Math.max(anchor.newestMediaUs, mediaUs);
    if (compositionUs === 0) return mediaUs;
    const presentUs = timestampUs + compositionUs;
    return Math.round(presentUs + anchor.offsetAt(presentUs)) + mediaUs - mappedUs;
  }

  /** The publisher reconnected: its timestamps have nothing to do with the earlier ones. Growth per track holds. */
  restart(): void {
    this.#anchors = [];
    this.#anchorOf.clear();
  }

  #findAnchor(track: string, timestampUs: number, arrivalUs: number): Anchor {
    const options = this.#options;
    const own = this.#anchorOf.get(track);
    if (own?.fits(track, timestampUs, arrivalUs, options.jumpUs)) {
      if (own.leadUs(arrivalUs) <= options.maxLeadUs) return own;
      // For all tracks at once: each for itself would lose the distance between them.
      this.restart();
    }
    for (const anchor of this.#anchors) {
      if (anchor !== own && anchor.fits(track, timestampUs, arrivalUs, options.jumpUs)) {
        this.#anchorOf.set(track, anchor);
        return anchor;
      }
    }
    if (own !== undefined) this.#jumps++;
    const anchor = new Anchor(timestampUs, arrivalUs, options.windowUs);
    this.#anchorOf.set(track, anchor);
    // Newest first; anchors without a track or unused are dropped, so there are never more than tracks.
    this.#anchors = [anchor, ...this.#anchors].filter(
      (candidate) => candidate === anchor || this.#inUse(candidate, arrivalUs),
    );
    return anchor;
  }

  #inUse(anchor: Anchor, arrivalUs: number): boolean {
    if (arrivalUs - anchor.lastArrivalUs > STALE_US) return false;
    for (const used of this.#anchorOf.values()) if (used === anchor) return true;
    return false;
  }
}

/** One unbroken stretch of a publisher's timeline and its place on ours. */
class Anchor {
  lastArrivalUs: number;
  newestMediaUs = Number.NEGATIVE_INFINITY;
  /** Newest decoding time. */
  #newestUs: number;
  /** Newest presentation time: the end of the curve. */
  #frontUs: number;
  #offsetUs: number;
  readonly #fastest: SlidingMinimum;
  readonly #lastOfTrack = new Map<string, number>();
  readonly #historyTimestamps = new Float64Array(HISTORY);
  readonly #historyOffsets = new Float64Array(HISTORY);
  #historyCount = 0;

  constructor(timestampUs: number, arrivalUs: number, windowUs: number) {
    this.lastArrivalUs = arrivalUs;
    this.#newestUs = timestampUs;
    this.#frontUs = timestampUs;
    this.#offsetUs = arrivalUs - timestampUs;
    this.#fastest = new SlidingMinimum(windowUs, WINDOW_BUCKETS);
    this.#remember();
  }

  leadUs(arrivalUs: number): number {
    return this.#newestUs + this.#offsetUs - arrivalUs;
  }

  /** Whether the timestamp can be the next one on this stretch. */
  fits(track: string, timestampUs: number, arrivalUs: number, jumpUs: number): boolean {
    const last = this.#lastOfTrack.get(track);
    const oldest = last === undefined ? this.#newestUs - INTERLEAVE_US : last - BACKSTEP_US;
    if (timestampUs < oldest) return false;
    const elapsedUs = Math.max(0, arrivalUs - this.lastArrivalUs);
    return timestampUs <= this.#newestUs + elapsedUs + jumpUs;
  }

  observe(track: string, timestampUs: number, arrivalUs: number, presentUs: number): void {
    this.lastArrivalUs = Math.max(this.lastArrivalUs, arrivalUs);
    const last = this.#lastOfTrack.get(track);
    if (last === undefined || timestampUs > last) this.#lastOfTrack.set(track, timestampUs);
    this.#fastest.push(arrivalUs, arrivalUs - timestampUs);
    this.#newestUs = Math.max(this.#newestUs, timestampUs);
    const frontUs = Math.min(Math.max(timestampUs, presentUs), timestampUs + MAX_COMPOSITION_US);
    if (frontUs <= this.#frontUs) return;
    this.#slew(frontUs - this.#frontUs);
    this.#frontUs = frontUs;
    this.#remember();
  }

  /** The correction at a time on the publisher's clock: between two that are remembered, in proportion. */
  offsetAt(timestampUs: number): number {
    const oldest = Math.max(0, this.#historyCount - HISTORY);
    let laterUs = Number.POSITIVE_INFINITY;
    let laterOffset = this.#offsetUs;
    for (let index = this.#historyCount - 1; index >= oldest; index--) {
      const slot = index % HISTORY;
      const atUs = this.#historyTimestamps[slot] ?? 0;
      const offset = this.#historyOffsets[slot] ?? 0;
      if (atUs <= timestampUs) {
        return offset + ((laterOffset - offset) * (timestampUs - atUs)) / (laterUs - atUs);
      }
      laterUs = atUs;
      laterOffset = offset;
    }
    return laterOffset;
  }

  #slew(advanceUs: number): void {
    const errorUs = this.#fastest.minimum - this.#offsetUs;
    const late = errorUs > 0;
    const timeUs = late ? SLEW_UP_TIME_US : SLEW_DOWN_TIME_US;
    const highest = late ? MAX_SLEW_UP : MAX_SLEW_DOWN;
    const rate = Math.min(highest, Math.max(MIN_SLEW, Math.abs(errorUs) / timeUs));
    const step = Math.min(Math.abs(errorUs), rate * advanceUs);
    this.#offsetUs += late ? step : -step;
  }

  #remember(): void {
    const slot = this.#historyCount % HISTORY;
    this.#historyTimestamps[slot] = this.#frontUs;
    this.#historyOffsets[slot] = this.#offsetUs;
    this.#historyCount++;
  }
}
