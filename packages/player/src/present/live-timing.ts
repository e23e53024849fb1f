import { ArrivalPace } from "../store/arrival-pace.ts";
import { CatchUp } from "../store/catch-up.ts";
import { TargetLatency } from "../store/target-latency.ts";
import type { TrackKind } from "../upstream/upstream.ts";
import { MediaClock } from "./media-clock.ts";

/** Media times further from the edge's clock than this are not wall-clock times (another publisher's own clock). */
const PLAUSIBLE_US = 30_000_000;

/** How often target and rate are looked at. */
const UPDATE_US = 100_000;

/** Decides which media time is presented when: the latency to keep, and how to get there. */
export class LiveTiming {
  readonly clock = new MediaClock();
  readonly #isSync: boolean;
  readonly #target: TargetLatency;
  readonly #catchUp = new CatchUp();
  readonly #pace: Record<TrackKind, ArrivalPace> = { video: new ArrivalPace(), audio: new ArrivalPace() };
  #serverOffsetUs: number | undefined;
  /** Without a server clock: the fastest frame counts as sent the moment it came. */
  #fastestUs = Number.NEGATIVE_INFINITY;
  #isAbsolute = false;
  #lastUpdateUs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly latencyUs: number; readonly isSync: boolean }) {
    this.#isSync = options.isSync;
    this.#target = new TargetLatency({ wishUs: options.latencyUs, isSync: options.isSync });
  }

  /** What to add to local time to get the publisher's media time at the live edge, µs. */
  get offsetUs(): number {
    return this.#isAbsolute && this.#serverOffsetUs !== undefined ? this.#serverOffsetUs : this.#fastestUs;
  }

  /** Whether latency is measured from capture; otherwise from the arrival of the fastest frame. */
  get isAbsolute(): boolean {
    return this.#isAbsolute;
  }

  get targetUs(): number {
    return this.#target.targetUs;
  }

  get jitterUs(): number {
    return this.#target.jitterUs;
  }

  /** Capture to now, of what is presented now, µs. */
  latencyUs(nowUs: number): number {
    return nowUs + this.offsetUs - this.clock.mediaUs(nowUs);
  }

  /** Whether anybody hears the sound, and how long its device holds it back. */
  setAudible(isAudible: boolean, deviceUs: number): void {
    this.#target.setAudible(isAudible, deviceUs);
  }

  /** The edge's clock minus ours. */
  setServerOffset(offsetUs: number): void {
    this.#serverOffsetUs = offsetUs;
  }

  /**
   * A frame came. Starts the clock with the first one. `heldUs`: how long it was held back on the way because we said
   * so, which is not what the path needs.
   */
  onArrival(kind: TrackKind, nowUs: number, timestampUs: number, heldUs = 0): void {
    const wasAbsolute = this.#isAbsolute;
    this.#chooseBasis(nowUs, timestampUs);
    if (timestampUs - nowUs > this.#fastestUs) this.#fastestUs = timestampUs - nowUs;
    const isLive = this.#pace[kind].onArrival(nowUs, timestampUs);
    if (isLive) this.#target.onArrival(kind, nowUs + this.offsetUs - timestampUs - heldUs, nowUs);
    // While the first frames come in a burst, only an absolute clock knows where the live edge is: until there is one
    // the newest frame counts, and then that one at once, wherever in the burst it is.
    const isEdgeUnsure = !this.#isAbsolute || !wasAbsolute;
    if (!this.clock.isRunning || (!isLive && isEdgeUnsure)) this.#setToTarget(nowUs);
  }

  /** Sound that the browser plays by itself takes so long from its capture: the picture waits for it. */
  onSound(transitUs: number, nowUs: number): void {
    this.#target.onArrival("audio", transitUs, nowUs);
  }

  /** The browser's own element presents this media time now: the clock follows it. */
  onElement(nowUs: number, timestampUs: number): void {
    this.#chooseBasis(nowUs, timestampUs);
    if (timestampUs - nowUs > this.#fastestUs) this.#fastestUs = timestampUs - nowUs;
    this.clock.setRate(1, nowUs);
    this.clock.set(timestampUs, nowUs);
  }

  /** Adapts target and rate. True if the clock's line changed. */
  update(nowUs: number): boolean {
    if (!this.clock.isRunning || nowUs - this.#lastUpdateUs < UPDATE_US) return false;
    this.#lastUpdateUs = nowUs;
    const targetUs = this.#target.update(nowUs);
    const decision = this.#catchUp.decide(this.latencyUs(nowUs), targetUs, this.#isSync);
    if (decision.kind === "rate") return this.clock.setRate(decision.rate, nowUs);
    this.#setToTarget(nowUs);
    return true;
  }

  /** The next frames come over another path: its arrivals are measured anew, the clock goes on. */
  onPathChange(): void {
    this.#pace.video.reset();
    this.#pace.audio.reset();
    this.#target.reset();
    this.#fastestUs = this.clock.isRunning && !this.#isAbsolute ? this.#fastestUs : Number.NEGATIVE_INFINITY;
  }

  /** Playback starts anew with the next frame. */
  stop(): void {
    this.onPathChange();
    this.#fastestUs = Number.NEGATIVE_INFINITY;
    this.#catchUp.reset();
    this.clock.stop();
  }

  #chooseBasis(nowUs: number, timestampUs: number): void {
    const offsetUs = this.#serverOffsetUs;
    const isPlausible = offsetUs !== undefined && Math.abs(nowUs + offsetUs - timestampUs) < PLAUSIBLE_US;
    if (isPlausible === this.#isAbsolute) return;
    // Frames of an old group may be older than plausible for a moment; a basis once taken needs a new clock.
    if (this.#isAbsolute && offsetUs !== undefined && this.clock.isRunning) return;
    this.#isAbsolute = isPlausible;
    this.#target.reset();
  }

  #setToTarget(nowUs: number): void {
    this.clock.setRate(1, nowUs);
    this.clock.set(nowUs + this.offsetUs - this.#target.targetUs, nowUs);
    this.#catchUp.reset();
  }
}
