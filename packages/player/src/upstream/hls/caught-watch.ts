/** A picture that stands still for so long... */
const CAUGHT_MS = 2_000;

/** ...although the server has this much more than has to be held back. */
const CAUGHT_BEHIND_S = 0.5;

export interface PlayingPosition {
  readonly nowMs: number;
  /** On the element's timeline. */
  readonly positionS: number;
  readonly isPaused: boolean;
  /** From there to where a viewer would begin, s. */
  readonly aheadS: number;
}

/**
 * Notices that an engine is caught, such as at a hole in the media or between two renditions that break at different
 * moments: it gets out where a viewer would begin.
 */
export class CaughtWatch {
  #movedS = Number.NaN;
  #movedAtMs = 0;

  /** True once for every `CAUGHT_MS` of standing still. */
  update({ nowMs, positionS, isPaused, aheadS }: PlayingPosition): boolean {
    const isStanding = positionS === this.#movedS && !isPaused && aheadS > CAUGHT_BEHIND_S;
    if (isStanding && nowMs - this.#movedAtMs < CAUGHT_MS) return false;
    this.#movedS = positionS;
    this.#movedAtMs = nowMs;
    return isStanding;
  }
}
