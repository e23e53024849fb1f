import type { TrackKind } from "../upstream/upstream.ts";
import { TransitHistogram } from "./transit-histogram.ts";

/**
 * Share of frames that must arrive in time. A late picture is shown late and hardly noticed; missing sound is heard,
 * so it gets more room.
 */
const IN_TIME_SHARE: Readonly<Record<TrackKind, number>> = { video: 0.95, audio: 0.98 };

/** Decoding and the wait for the next repaint take this long after the arrival. */
const VIDEO_MARGIN_US = 25_000;

/** Decoding and the way into the worklet; what the device takes comes on top. */
const AUDIO_MARGIN_US = 15_000;

/** Above this, staying live is no longer the point. */
const MAX_TARGET_US = 8_000_000;

/** The target follows a better network no faster than by this share of the difference per second... */
const FALL_SHARE_PER_S = 0.3;

/** ...but at least so fast: 20 ms per second. */
const FALL_US_PER_S = 20_000;

/** Later than the target by this is an outage, not jitter: holding it back for ever would not have helped. */
const OUTAGE_US = 400_000;

/** Samples before anything is known that could tell an outage from the usual. */
const LEARNING_SAMPLES = 50;

/** Arrivals before the first adaption: of fewer, the slowest would decide alone. */
const FIRST_SAMPLES = 15;

/**
 * Unless it stays like that: then the path has become longer. Frames in time in between do not make it another outage,
 * or what is mostly late would never be waited for; only so long without a late one does.
 */
const OUTAGE_MAX_US = 3_000_000;

/** In sync mode viewers with different networks meet on the same steps: the wish, then twice that, and so on. */
const SYNC_STEP_FACTOR = 2;

/**
 * The latency to play at, capture to picture, µs: the wished one where the network allows it, otherwise what
 * nearly all frames need. Sound counts only while somebody can hear it.
 */
export class TargetLatency {
  readonly #wishUs: number;
  readonly #isSync: boolean;
  readonly #transit: Readonly<Record<TrackKind, TransitHistogram>> = {
    video: new TransitHistogram(),
    audio: new TransitHistogram(),
  };
  #isAudible = false;
  #deviceUs = 0;
  #targetUs: number;
  #lastUpdateUs: number | undefined;
  readonly #outageSinceUs: Record<TrackKind, number | undefined> = { video: undefined, audio: undefined };
  /** When the last late frame came. */
  readonly #lateAtUs: Record<TrackKind, number> = { video: 0, audio: 0 };

  constructor(options: { readonly wishUs: number; readonly isSync: boolean }) {
    this.#wishUs = options.wishUs;
    this.#isSync = options.isSync;
    this.#targetUs = options.wishUs;
  }

  get targetUs(): number {
    return this.#targetUs;
  }

  /** Spread between a fast and a slow frame of what is presented, µs. */
  get jitterUs(): number {
    const kind = this.#transit.video.isEmpty ? "audio" : "video";
    const transit = this.#transit[kind];
    if (transit.isEmpty) return 0;
    return Math.max(0, transit.quantileUs(IN_TIME_SHARE[kind]) - transit.quantileUs(0.05));
  }

  /** `deviceUs`: how long the sound device holds samples back. */
  setAudible(isAudible: boolean, deviceUs: number): void {
    this.#isAudible = isAudible;
    this.#deviceUs = deviceUs;
  }

  /** Capture to arrival of a frame that came at live pace, µs. */
  onArrival(kind: TrackKind, transitUs: number, nowUs: number): void {
    const transit = this.#transit[kind];
    const isLearning = transit.samples < LEARNING_SAMPLES;
    if (!isLearning && transitUs > this.#targetUs + OUTAGE_US) {
      const isAnother = nowUs - this.#lateAtUs[kind] > OUTAGE_MAX_US;
      const sinceUs = (isAnother ? undefined : this.#outageSinceUs[kind]) ?? nowUs;
      this.#outageSinceUs[kind] = sinceUs;
      this.#lateAtUs[kind] = nowUs;
      if (nowUs - sinceUs < OUTAGE_MAX_US) return;
    }
    transit.add(transitUs, nowUs);
  }

  /** Called a few times a second; returns the target. */
  update(nowUs: number): number {
    const elapsedUs = this.#lastUpdateUs === undefined ? 0 : nowUs - this.#lastUpdateUs;
    this.#lastUpdateUs = nowUs;
    const neededUs = this.#neededUs();
    if (neededUs === undefined) return this.#targetUs;
    if (this.#isSync) {
      let stepUs = this.#wishUs;
      while (stepUs < neededUs && stepUs < MAX_TARGET_US) stepUs *= SYNC_STEP_FACTOR;
      // A step down is worth a jump only when it holds: the histogram's memory decides that.
      this.#targetUs = stepUs;
      return this.#targetUs;
    }
    const wantedUs = Math.max(this.#wishUs, neededUs);
    if (wantedUs >= this.#targetUs) this.#targetUs = wantedUs;
    else {
      const fallUsPerS = Math.max(FALL_US_PER_S, (this.#targetUs - wantedUs) * FALL_SHARE_PER_S);
      this.#targetUs = Math.max(wantedUs, this.#targetUs - (elapsedUs * fallUsPerS) / 1e6);
    }
    return this.#targetUs;
  }

  /** After a change of path (another edge, another transport) the old arrivals say nothing. */
  reset(): void {
    this.#transit.video.clear();
    this.#transit.audio.clear();
    this.#outageSinceUs.video = undefined;
    this.#outageSinceUs.audio = undefined;
  }

  #neededUs(): number | undefined {
    const { video, audio } = this.#transit;
    if (video.samples < FIRST_SAMPLES && audio.samples < FIRST_SAMPLES) return undefined;
    const videoUs = video.isEmpty ? 0 : video.quantileUs(IN_TIME_SHARE.video) + VIDEO_MARGIN_US;
    const isAudioWanted = !audio.isEmpty && (this.#isAudible || video.isEmpty);
    const audioUs = isAudioWanted
      ? audio.quantileUs(IN_TIME_SHARE.audio) + AUDIO_MARGIN_US + this.#deviceUs
      : 0;
    return Math.min(MAX_TARGET_US, Math.max(videoUs, audioUs));
  }
}
