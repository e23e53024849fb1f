/** Encoders need time for a keyframe, and each costs several pictures' worth of bandwidth: once a second is enough. */
const MIN_INTERVAL_MS = 1_000;

/** Decides when a publisher is asked for a keyframe: when it is needed, or when the group has grown old. */
export class KeyframeRequests {
  readonly #groupMs: number;
  #askedMs = Number.NEGATIVE_INFINITY;
  #keyframeMs: number | undefined;

  /** `groupMs`: the age at which a group should end. */
  constructor(options: { readonly groupMs: number }) {
    this.#groupMs = options.groupMs;
  }

  /** One has come. */
  keyframe(nowMs: number): void {
    this.#keyframeMs = nowMs;
  }

  /**
   * True: ask now. It counts as asked then.
   * @param needed nothing can be shown before the next keyframe
   */
  take(nowMs: number, needed: boolean): boolean {
    const isOld = this.#keyframeMs !== undefined && nowMs - this.#keyframeMs >= this.#groupMs;
    if ((!needed && !isOld) || nowMs - this.#askedMs < MIN_INTERVAL_MS) return false;
    this.#askedMs = nowMs;
    return true;
  }
}
