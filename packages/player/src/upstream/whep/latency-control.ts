/** What `RTCRtpReceiver.jitterBufferTarget` takes (W3C webrtc-extensions). */
const MAX_TARGET_MS = 4_000;

/**
 * Differences that nobody sees, and that the measurement makes by itself: half a repaint. Every change moves frames in
 * time, and two that fall into one repaint are one too few on screen.
 */
const TOLERANCE_MS = 8;

/** Part of a difference that one step takes away: the buffer follows a new target within about a second. */
const GAIN = 0.6;

/** In sync mode viewers with different networks meet on the same steps: the wish, then twice that, and so on. */
const SYNC_STEP_FACTOR = 2;

/** A step that is out of reach is left after this long... */
const STEP_UP_MS = 2_500;

/** ...and a lower one taken only when it would have held for this long. */
const STEP_DOWN_MS = 30_000;

/** Above the wish by more than this is out of reach, not still on its way. */
const REACH_MS = 12;

/** What the browser measured since the last step. */
export interface LatencyMeasure {
  /** Capture to picture, ms, of a typical frame. */
  readonly latencyMs: number;
  /** How long frames were held in the buffer, ms. */
  readonly bufferMs: number;
  /** How long they would have been held without our wish, ms; undefined if the browser does not tell. */
  readonly minimumMs: number | undefined;
}

/**
 * Keeps capture to picture at the wished latency by what the browser offers for it: the least time for which its
 * buffer holds frames. Below what the path needs the browser does as it must.
 */
export class LatencyControl {
  readonly #wishMs: number;
  readonly #isSync: boolean;
  #goalMs: number;
  #targetMs = 0;
  #missedSinceMs: number | undefined;
  #lowerSinceMs: number | undefined;

  constructor(options: { readonly wishMs: number; readonly isSync: boolean }) {
    this.#wishMs = options.wishMs;
    this.#isSync = options.isSync;
    this.#goalMs = options.wishMs;
  }

  /** What is aimed at, ms: the wish or, in sync mode, the step above it that can be held. */
  get goalMs(): number {
    return this.#goalMs;
  }

  /** Sound follows its picture. */
  set goalMs(goalMs: number) {
    this.#goalMs = goalMs;
  }

  /** For `jitterBufferTarget`, ms. */
  get targetMs(): number {
    return this.#targetMs;
  }

  /** What the path needs of itself, ms, if that is out of reach of the goal; otherwise 0. */
  neededMs(measure: LatencyMeasure): number {
    // Frames that are held because we said so are on their way to the goal.
    return measure.latencyMs > this.#goalMs + REACH_MS && !this.#isHeld(measure) ? measure.latencyMs : 0;
  }

  /** Called about twice a second; returns the new `targetMs`. */
  update(measure: LatencyMeasure, nowMs: number): number {
    const errorMs = this.#goalMs - measure.latencyMs;
    if (this.#isSync) this.#chooseStep(measure, nowMs);
    if (Math.abs(errorMs) > TOLERANCE_MS) {
      // A target below what the path needs does nothing: then what the buffer does by itself is where to go from. One
      // that is in force is corrected, as decoding takes a part of what the buffer is told to hold.
      const fromMs = this.#isHeld(measure) ? this.#targetMs : measure.bufferMs;
      this.#targetMs = Math.round(Math.min(MAX_TARGET_MS, Math.max(0, fromMs + errorMs * GAIN)));
    }
    return this.#targetMs;
  }

  /** Another path: what is known of the old one says nothing. */
  reset(): void {
    this.#missedSinceMs = undefined;
    this.#lowerSinceMs = undefined;
  }

  /** Frames are held for longer than the path needs, because we said so. */
  #isHeld({ bufferMs, minimumMs }: LatencyMeasure): boolean {
    return this.#targetMs > 0 && bufferMs > (minimumMs ?? 0) + REACH_MS;
  }

  #chooseStep(measure: LatencyMeasure, nowMs: number): void {
    const { latencyMs, bufferMs, minimumMs } = measure;
    const isMissed = this.neededMs(measure) > 0 && this.#goalMs < MAX_TARGET_MS;
    this.#missedSinceMs = isMissed ? (this.#missedSinceMs ?? nowMs) : undefined;
    if (this.#missedSinceMs !== undefined && nowMs - this.#missedSinceMs >= STEP_UP_MS) {
      this.#goalMs *= SYNC_STEP_FACTOR;
      this.reset();
      return;
    }
    const lowerMs = this.#goalMs / SYNC_STEP_FACTOR;
    const neededMs = minimumMs === undefined ? latencyMs : latencyMs - Math.max(0, bufferMs - minimumMs);
    const isLowerEnough = lowerMs >= this.#wishMs && neededMs < lowerMs - REACH_MS;
    this.#lowerSinceMs = isLowerEnough ? (this.#lowerSinceMs ?? nowMs) : undefined;
    if (this.#lowerSinceMs !== undefined && nowMs - this.#lowerSinceMs >= STEP_DOWN_MS) {
      this.#goalMs = lowerMs;
      this.reset();
    }
  }
}
