/** Differences below this are left alone... */
const TOLERANCE_S = 0.06;

/** ...and once correcting, it goes on until the difference is below this. */
const SETTLED_S = 0.015;

/** Sync mode: viewers are to agree. */
const SYNC_TOLERANCE_S = 0.02;

/** Up to a twentieth nobody hears; a tenth is for what a stall has left. */
const SLOWEST = 0.95;
const FASTEST = 1.1;

/** Away by this much is worth the full rate. */
const SLOWEST_AT_S = 0.4;
const FASTEST_AT_S = 0.8;

/** Further away it jumps: catching up would take half a minute... */
const JUMP_S = 3;

/** ...and much sooner if what it jumps to is in the buffer: the decoder stood still, or the network has come back. */
const NEAR_JUMP_S = 1.5;

/**
 * What went on while a session was opened it is late by. Within this time after its first picture it jumps ahead even
 * by a little, if that is in the buffer: it has been watched by nobody yet, and would catch up for ten seconds.
 */
const START_MS = 1_000;
const START_JUMP_S = 0.4;

/** A jump takes its time until there is a picture again, and the next one must not come before. */
const JUMP_PAUSE_MS = 4_000;

/** With less than this in the buffer hurrying would end in a stall. */
const LOW_BUFFER_S = 0.25;

/** A stall says that this much more has to be held back, up to so much... */
const STALL_STEP_S = 0.15;
const MAX_STALL_S = 1.5;

/** ...and half of it is tried without again after a time without any. */
const CALM_MS = 20_000;

/** How much of the live edge's age a new measurement decides: the age swings by a part's length. */
const AGE_SHARE = 0.1;

/**
 * Younger by more than it swings: the server was silent and has come back, or a hole in the media that seemed to be age
 * lies behind. What was true before is forgotten.
 */
const AGE_SWING_S = 0.5;

/** In sync mode viewers meet on the same steps: the wish, then twice that, and so on. */
const SYNC_STEP_FACTOR = 2;

/** A step is left for the one below only if that has this much room. */
const STEP_DOWN_SHARE = 0.9;

export interface LiveEdgeOptions {
  /** Wished capture to picture, s. */
  readonly wishS: number;
  readonly isSync: boolean;
}

export interface LivePosition {
  readonly nowMs: number;
  /** From what is shown to the newest that the server has, s. */
  readonly behindEdgeS: number;
  /** Capture to picture, s; undefined while the server's clock is not known. */
  readonly latencyS: number | undefined;
  /** How far from the newest a player has to stay (PART-HOLD-BACK, HOLD-BACK), s. */
  readonly holdBackS: number;
  readonly bufferedS: number;
}

export interface LiveStep {
  readonly rate: number;
  /** Seconds to jump ahead; negative: back; 0: none. */
  readonly jumpS: number;
}

/**
 * Keeps an HLS player at its distance from live: plays a little faster or slower towards it, and jumps when it is far
 * away. The distance is that which the playlist asks for, more after stalls; the wish, where that is longer; in sync
 * mode the step of all viewers with this wish.
 */
export class LiveEdgeControl {
  readonly #options: LiveEdgeOptions;
  #edgeAgeS: number | undefined;
  #stallS = 0;
  #calmSinceMs = 0;
  #targetS = 0;
  #isCorrecting = false;
  #startedAtMs: number | undefined;
  #jumpedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LiveEdgeOptions) {
    this.#options = options;
  }

  /** Capture to picture to aim at; behind the live edge while the server's clock is not known. */
  get targetS(): number {
    return this.#targetS;
  }

  onStall(nowMs: number): void {
    // While it loads after a jump it has not run dry.
    if (nowMs - this.#jumpedAtMs < JUMP_PAUSE_MS) return;
    this.#stallS = Math.min(MAX_STALL_S, this.#stallS + STALL_STEP_S);
    this.#calmSinceMs = nowMs;
  }

  update(position: LivePosition): LiveStep {
    const { nowMs, behindEdgeS, latencyS, bufferedS } = position;
    this.#forgetStalls(nowMs);
    this.#aim(position);
    const awayS = (latencyS ?? behindEdgeS) - this.#targetS;
    const sizeS = Math.abs(awayS);
    this.#startedAtMs ??= nowMs;
    const nearS = nowMs - this.#startedAtMs < START_MS ? START_JUMP_S : NEAR_JUMP_S;
    const isBuffered = awayS > nearS && bufferedS - awayS > LOW_BUFFER_S;
    if ((sizeS > JUMP_S || isBuffered) && nowMs - this.#jumpedAtMs > JUMP_PAUSE_MS) {
      this.#jumpedAtMs = nowMs;
      this.#isCorrecting = false;
      return { rate: 1, jumpS: awayS };
    }
    const toleranceS = this.#options.isSync ? SYNC_TOLERANCE_S : TOLERANCE_S;
    this.#isCorrecting = sizeS > (this.#isCorrecting ? SETTLED_S : toleranceS);
    if (!this.#isCorrecting || (awayS > 0 && bufferedS < LOW_BUFFER_S)) return { rate: 1, jumpS: 0 };
    const rate =
      awayS > 0
        ? 1 + (FASTEST - 1) * Math.min(1, sizeS / FASTEST_AT_S)
        : 1 - (1 - SLOWEST) * Math.min(1, sizeS / SLOWEST_AT_S);
    return { rate, jumpS: 0 };
  }

  #forgetStalls(nowMs: number): void {
    if (this.#stallS === 0 || nowMs - this.#calmSinceMs < CALM_MS) return;
    this.#calmSinceMs = nowMs;
    this.#stallS = this.#stallS < STALL_STEP_S / 2 ? 0 : this.#stallS / 2;
  }

  #aim({ nowMs, latencyS, behindEdgeS, holdBackS }: LivePosition): void {
    const behindS = holdBackS + this.#stallS;
    if (latencyS === undefined) {
      this.#targetS = behindS;
      return;
    }
    const ageS = latencyS - behindEdgeS;
    const knownS = this.#edgeAgeS ?? ageS;
    const isBack = ageS < knownS - AGE_SWING_S;
    // The picture stood still anyway, as at the start.
    if (isBack) this.#startedAtMs = nowMs;
    const edgeAgeS = isBack ? ageS : knownS + (ageS - knownS) * AGE_SHARE;
    this.#edgeAgeS = edgeAgeS;
    const neededS = edgeAgeS + behindS;
    const { wishS, isSync } = this.#options;
    this.#targetS = isSync ? this.#step(neededS) : Math.max(wishS, neededS);
  }

  #step(neededS: number): number {
    let stepS = Math.max(0.01, this.#options.wishS);
    while (stepS < neededS) stepS *= SYNC_STEP_FACTOR;
    const isBelow = stepS < this.#targetS;
    return isBelow && neededS > stepS * STEP_DOWN_SHARE ? this.#targetS : stepS;
  }
}
