import { isAfter } from "./rtp-order.ts";

/**
 * Looks at a page that lives, of 100 ms each, without a picture: then something is missing in front of the keyframe, and
 * it is what the picture can go on with. A packet that is sent again takes less on most paths.
 */
const STILL_LOOKS = 4;

/**
 * A picture that nothing is missing of, and that does not come, is left out by this browser for another reason, or the
 * machine is busy for a moment. So a wait in vain is tried again, with twice as many keyframes in between each time.
 */
const MAX_KEYFRAMES_WITHOUT_WAIT = 30;

/**
 * Lets no keyframe reach the browser's buffer before the picture in front of it is decoded. Chromium's buffer leaves out
 * undecoded what is late when there is a keyframe behind it to go on with, a few ms late being enough: on a busy machine
 * those were whole ends of groups, with their events. Without a keyframe to be seen it decodes everything.
 */
export class KeyframeGate {
  readonly #release: (rtp: number) => void;
  #awaited: number | undefined;
  #newest: number | undefined;
  #stillLooks = 0;
  /** Keyframes that go on at once after the next wait in vain, and now. */
  #pause = 0;
  #withoutWait = 0;

  /** `release` is told the picture for which the keyframe waited. */
  constructor(release: (rtp: number) => void) {
    this.#release = release;
  }

  /** A keyframe waits for the picture with this RTP timestamp. */
  onAwaited(rtp: number): void {
    this.#awaited = rtp;
    const isThere = this.#newest !== undefined && !isAfter(rtp, this.#newest);
    if (isThere || this.#withoutWait > 0 || this.#stillLooks >= STILL_LOOKS) this.#open();
    if (this.#withoutWait > 0) this.#withoutWait -= 1;
  }

  /** A picture is decoded. */
  onPicture(rtp: number): void {
    this.#newest = rtp;
    this.#stillLooks = 0;
    if (this.#awaited === undefined || isAfter(this.#awaited, rtp)) return;
    this.#pause = 0;
    this.#open();
  }

  /** Called every 100 ms, or less often while the page is too busy, which is no reason to let the keyframe on. */
  look(): void {
    this.#stillLooks += 1;
    if (this.#stillLooks < STILL_LOOKS || this.#awaited === undefined) return;
    this.#withoutWait = this.#pause;
    this.#pause = Math.min(MAX_KEYFRAMES_WITHOUT_WAIT, Math.max(1, 2 * this.#pause));
    this.#open();
  }

  #open(): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    if (awaited !== undefined) this.#release(awaited);
  }
}
