/** A frame that the viewer sees. */
export interface PresentedFrame {
  /** µs of media time. */
  readonly timestampUs: number;
  /** Local time (page's clock), µs since the Unix epoch. */
  readonly presentedAtUs: number;
  /** Capture to picture by the edge's clock, µs; from the arrival of the fastest frame if that is unknown. */
  readonly latencyUs: number;
}

/** Eight seconds at 30 fps. */
const KEPT_FRAMES = 240;

/** Frames per second are counted over this long. */
const RATE_WINDOW_US = 1_000_000;

/** The frames presented last. */
export class PresentedLog {
  readonly #frames: PresentedFrame[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get last(): PresentedFrame | undefined {
    return this.#frames.at(-1);
  }

  add(frame: PresentedFrame): void {
    this.#count += 1;
    this.#frames.push(frame);
    if (this.#frames.length > KEPT_FRAMES) this.#frames.shift();
  }

  /** Another timeline begins; the count goes on. */
  forgetLast(): void {
    this.#frames.length = 0;
  }

  fps(nowUs: number): number {
    let recent = 0;
    for (let index = this.#frames.length - 1; index >= 0; index -= 1) {
      const frame = this.#frames[index];
      if (frame === undefined || nowUs - frame.presentedAtUs > RATE_WINDOW_US) break;
      recent += 1;
    }
    return recent;
  }

  /** Oldest first. */
  timestampsUs(): number[] {
    return this.#frames.map((frame) => frame.timestampUs);
  }
}
