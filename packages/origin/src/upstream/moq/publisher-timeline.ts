import type { MediaClock } from "../../ingest/media-clock.ts";

/** A publisher whose timestamps are this near to now uses the wall clock itself. */
const WALL_CLOCK_TOLERANCE_US = 10_000_000;

/** More than the reorder depth of any encoder at usual frame rates; a larger step back is a restart. */
const MAX_REORDER_US = 1_000_000;

interface TrackPosition {
  lastUs: number;
  lastMediaUs: number;
}

/**
 * Media time for the frames of a MoQ publisher. Timestamps that are wall-clock time already pass through; others
 * (performance.now, a recording) are anchored by the media clock. Whichever it is, holds for the whole session, so
 * that its tracks stay in step; only wall-clock timestamps that lose touch with now are anchored from then on.
 */
export class PublisherTimeline {
  readonly #clock: MediaClock;
  readonly #tracks = new Map<string, TrackPosition>();
  #wallClock: boolean | undefined;

  constructor(clock: MediaClock) {
    this.#clock = clock;
  }

  /** True if the publisher's timestamps are passed through; undefined before the first frame. */
  get wallClock(): boolean | undefined {
    return this.#wallClock;
  }

  /** Presentation timestamps in decoding order; they may step back (B-frames). */
  map(track: string, timestampUs: number, arrivalUs: number): number {
    const near = Math.abs(timestampUs - arrivalUs) <= WALL_CLOCK_TOLERANCE_US;
    this.#wallClock = near && this.#wallClock !== false;
    if (this.#wallClock) return timestampUs;
    const position = this.#tracks.get(track);
    if (position === undefined) {
      const lastMediaUs = this.#clock.map(track, timestampUs, arrivalUs);
      this.#tracks.set(track, { lastUs: timestampUs, lastMediaUs });
      return lastMediaUs;
    }
    const back = position.lastUs - timestampUs;
    // A picture that is shown before an earlier one of its group keeps its distance to it.
    if (back >= 0 && back < MAX_REORDER_US) return position.lastMediaUs - back;
    position.lastMediaUs = this.#clock.map(track, timestampUs, arrivalUs);
    position.lastUs = timestampUs;
    return position.lastMediaUs;
  }
}
