/** Seconds over which rates are measured. */
const WINDOW_SECONDS = 5;

/** What one track carries, measured on arrival: plain numbers per frame, rates once a second. */
export class TrackMeter {
  frames = 0;
  bytes = 0;
  /** Frames that came before the first keyframe, or did not fit into their group. */
  droppedFrames = 0;
  /** Newest presentation timestamp, µs; undefined before the first frame. */
  newestUs: number | undefined;
  /** Distance of the last two keyframes in media time, ms. */
  keyframeIntervalMs: number | undefined;
  /** Largest distance between decoding and presentation, µs. */
  maxReorderUs = 0;

  readonly #bytesAt = new Float64Array(WINDOW_SECONDS + 1);
  readonly #framesAt = new Float64Array(WINDOW_SECONDS + 1);
  readonly #sampledMs = new Float64Array(WINDOW_SECONDS + 1);
  #samples = 0;
  #lastKeyframeUs: number | undefined;
  #bitrateBps = 0;
  #framerate = 0;

  /** Bits per second over the last seconds; 0 before the first full one. */
  get bitrateBps(): number {
    return this.#bitrateBps;
  }

  /** Frames per second over the last seconds; 0 before the first full one. */
  get framerate(): number {
    return this.#framerate;
  }

  /** Whole seconds measured so far, at most the window. */
  get measuredSeconds(): number {
    return Math.max(0, Math.min(this.#samples - 1, WINDOW_SECONDS));
  }

  count(timestampUs: number, bytes: number): void {
    this.frames++;
    this.bytes += bytes;
    if (this.newestUs === undefined || timestampUs > this.newestUs) this.newestUs = timestampUs;
  }

  keyframe(timestampUs: number): void {
    if (this.#lastKeyframeUs !== undefined && timestampUs > this.#lastKeyframeUs) {
      this.keyframeIntervalMs = (timestampUs - this.#lastKeyframeUs) / 1_000;
    }
    this.#lastKeyframeUs = timestampUs;
  }

  /** How long the current group is, ms, at media time `nowUs`. */
  sinceKeyframeMs(nowUs: number): number {
    return this.#lastKeyframeUs === undefined ? 0 : Math.max(0, (nowUs - this.#lastKeyframeUs) / 1_000);
  }

  /** To be called once a second. */
  sample(nowMs: number): void {
    const size = WINDOW_SECONDS + 1;
    const slot = this.#samples % size;
    this.#bytesAt[slot] = this.bytes;
    this.#framesAt[slot] = this.frames;
    this.#sampledMs[slot] = nowMs;
    this.#samples++;
    if (this.#samples < 2) return;
    const first = Math.max(0, this.#samples - size) % size;
    const seconds = (nowMs - (this.#sampledMs[first] ?? 0)) / 1_000;
    if (seconds <= 0) return;
    this.#bitrateBps = ((this.bytes - (this.#bytesAt[first] ?? 0)) * 8) / seconds;
    this.#framerate = (this.frames - (this.#framesAt[first] ?? 0)) / seconds;
  }

  /** The publisher is new: what was measured of the last one does not count. */
  restart(): void {
    this.#samples = 0;
    this.#bitrateBps = 0;
    this.#framerate = 0;
    this.#lastKeyframeUs = undefined;
    this.keyframeIntervalMs = undefined;
    this.maxReorderUs = 0;
  }
}
