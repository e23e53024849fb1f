import { FrameQueue } from "./frame-queue.ts";

/** Bound on pictures that wait: most of a second of them at 30 a second, some megabytes each. */
const MAX_WAITING = 24;

/** Pictures that the browser has received and decoded by itself, between its decoder and the canvas. */
export class DecodedTrack {
  readonly queue = new FrameQueue<VideoFrame>();
  #isHidden: boolean;
  #newestUs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly isHidden: boolean }) {
    this.#isHidden = options.isHidden;
  }

  /** Media time of the newest picture that came. */
  get newestUs(): number {
    return this.#newestUs;
  }

  /** No further picture may wait: the first one has to be presented before its time. */
  get isFull(): boolean {
    return this.queue.length > MAX_WAITING;
  }

  /** Hidden: nothing waits. */
  setHidden(hidden: boolean): void {
    this.#isHidden = hidden;
    if (hidden) this.queue.clear(false);
  }

  /** Takes a frame and closes it, here or later. The browser gave it a time of its own, media time is `timestampUs`. */
  push(frame: VideoFrame, timestampUs: number): void {
    this.#newestUs = Math.max(this.#newestUs, timestampUs);
    if (!this.#isHidden) this.queue.push(new VideoFrame(frame, { timestamp: timestampUs }));
    frame.close();
  }

  /** Forgets everything; times may start anywhere after it. */
  reset(): void {
    this.queue.clear(true);
    this.#newestUs = Number.NEGATIVE_INFINITY;
  }
}
