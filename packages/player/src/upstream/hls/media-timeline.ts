/** A segment on the element's timeline, with its date (EXT-X-PROGRAM-DATE-TIME). */
export interface DatedSegment {
  /** On the element's timeline, s. */
  readonly startS: number;
  readonly durationS: number;
  /** Media time of its beginning by the playlist, ms since the Unix epoch; null without a date. */
  readonly dateMs: number | null;
  /** Segments of one number have one timeline of timestamps (EXT-X-DISCONTINUITY). */
  readonly discontinuity: number;
}

/**
 * Timestamps in the media are taken for media time if the playlist's date says the same to within this. Dates are rounded
 * to ms, a segment begins with the frame that is decoded first, not with the one that is shown first; and after pictures
 * that are missing hls.js puts a segment some hundred ms off until it has read it, so that by its date every other part
 * would jump back. Timestamps that are not media times are years away.
 */
const SAME_US = 1_000_000;

/** How far a time may be off: two roundings to µs, or one to ms. */
const EXACT_US = 3;
const DATED_US = 1_500;

/** Playlists list some dozens of segments; those of a few playlists back may still be on screen. */
const MAX_DISCONTINUITIES = 64;

/**
 * Media time of points on the element's timeline, µs since the Unix epoch. The playlist tells it to the millisecond;
 * where the timestamps in the media are media times themselves, as Canopy's edges write them, it is exact.
 */
export class MediaTimeline {
  #segments: readonly DatedSegment[] = [];
  /** Timestamp in the media at the zero of the element's timeline, s. */
  readonly #origins = new Map<number, number>();

  #toleranceUs = DATED_US;

  /** How far the time that was given last may be off, µs. */
  get toleranceUs(): number {
    return this.#toleranceUs;
  }

  /** The segments of the newest playlist, oldest first. */
  setSegments(segments: readonly DatedSegment[]): void {
    this.#segments = segments;
  }

  /** The timestamp in the media that stands at the zero of the element's timeline, s. */
  setOrigin(discontinuity: number, originS: number): void {
    this.#origins.set(discontinuity, originS);
    if (this.#origins.size <= MAX_DISCONTINUITIES) return;
    for (const oldest of this.#origins.keys()) {
      this.#origins.delete(oldest);
      return;
    }
  }

  /** Undefined without dates. */
  mediaUs(seconds: number): number | undefined {
    const segment = this.#segmentAt(seconds);
    if (segment === undefined || segment.dateMs === null) return undefined;
    const datedUs = segment.dateMs * 1_000 + (seconds - segment.startS) * 1e6;
    const originS = this.#origins.get(segment.discontinuity);
    const exactUs = originS === undefined ? Number.NaN : (originS + seconds) * 1e6;
    const isExact = Math.abs(exactUs - datedUs) < SAME_US;
    this.#toleranceUs = isExact ? EXACT_US : DATED_US;
    return Math.round(isExact ? exactUs : datedUs);
  }

  /** The segment around this point, or the nearest one before it; newest first, since live is where it is played. */
  #segmentAt(seconds: number): DatedSegment | undefined {
    for (let index = this.#segments.length - 1; index >= 0; index -= 1) {
      const segment = this.#segments[index];
      if (segment !== undefined && segment.startS <= seconds) return segment;
    }
    return this.#segments[0];
  }
}
