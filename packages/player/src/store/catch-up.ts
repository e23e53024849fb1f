/** Differences below this are left alone: a frame lasts longer. */
const TOLERANCE_US = 12_000;

/** Once correcting, until the difference is below this. */
const SETTLED_US = 3_000;

/** Too early by more: wait at once, because what is needed cannot have arrived yet. */
const JUMP_BACK_US = 150_000;

/** Behind by more: jump, because catching up at 1.1 would take over ten seconds. */
const JUMP_US = 1_000_000;

const MIN_FASTER = 1.02;
const MAX_FASTER = 1.1;

/** Slowing down is heard and seen more than hurrying, so it is gentler. */
const MIN_SLOWER = 0.98;
const MAX_SLOWER = 0.95;

/** Behind by this much is worth the full rate. */
const FULL_RATE_AT_US = 400_000;

export type CatchUpDecision =
  | { readonly kind: "rate"; readonly rate: number }
  /** Set the media clock to the target at once. */
  | { readonly kind: "jump" };

/** Decides at what rate to play so that the latency comes to its target without a visible cut. */
export class CatchUp {
  #correcting = false;

  /** `isSync`: viewers are to agree to the frame, so the tolerance is small from the start. */
  decide(latencyUs: number, targetUs: number, isSync: boolean): CatchUpDecision {
    const behindUs = latencyUs - targetUs;
    const awayUs = Math.abs(behindUs);
    if (behindUs > JUMP_US || -behindUs > JUMP_BACK_US) {
      this.#correcting = false;
      return { kind: "jump" };
    }
    if (this.#correcting ? awayUs < SETTLED_US : awayUs < (isSync ? SETTLED_US : TOLERANCE_US)) {
      this.#correcting = false;
      return { kind: "rate", rate: 1 };
    }
    this.#correcting = true;
    const share = Math.min(1, awayUs / FULL_RATE_AT_US);
    const rate =
      behindUs > 0
        ? MIN_FASTER + (MAX_FASTER - MIN_FASTER) * share
        : MIN_SLOWER + (MAX_SLOWER - MIN_SLOWER) * share;
    return { kind: "rate", rate };
  }

  reset(): void {
    this.#correcting = false;
  }
}
