/** A decoded picture; WebCodecs' VideoFrame is one. */
export interface DecodedFrame {
  /** µs of media time. */
  readonly timestamp: number;
  close(): void;
}

/**
 * Decoded frames in presentation order. Decoders hand out frames from a small pool, so every frame that is not
 * painted is closed at once.
 */
export class FrameQueue<Frame extends DecodedFrame> {
  readonly #frames: Frame[] = [];
  #lateFrames = 0;
  #floorUs = Number.NEGATIVE_INFINITY;

  get length(): number {
    return this.#frames.length;
  }

  /** Frames that were closed unpainted because a later one was due as well. */
  get lateFrames(): number {
    return this.#lateFrames;
  }

  /** Time of the first waiting frame. */
  get firstUs(): number | undefined {
    return this.#frames[0]?.timestamp;
  }

  /** Frames up to this time are closed, waiting or to come: another track has presented them. */
  setFloor(floorUs: number): void {
    this.#floorUs = floorUs;
    while ((this.#frames[0]?.timestamp ?? Number.POSITIVE_INFINITY) <= floorUs) {
      this.#frames.shift()?.close();
      this.#lateFrames += 1;
    }
  }

  push(frame: Frame): void {
    if (frame.timestamp <= this.#floorUs) {
      // Its place in the presentation has passed: a B-frame after a skip, or a repeated frame.
      this.#lateFrames += 1;
      frame.close();
      return;
    }
    let index = this.#frames.length;
    while (index > 0 && (this.#frames[index - 1]?.timestamp ?? 0) > frame.timestamp) index -= 1;
    this.#frames.splice(index, 0, frame);
  }

  /**
   * The newest frame that is due at `mediaUs`; the caller closes it. Older ones are closed here, but not the first
   * one from `eventUs` on: something happens on that very frame, so it is given before those that follow it.
   */
  takeDue(mediaUs: number, eventUs: number): Frame | undefined {
    let due: Frame | undefined;
    for (;;) {
      const first = this.#frames[0];
      if (first === undefined || first.timestamp > mediaUs) break;
      if (due !== undefined && due.timestamp >= eventUs) break;
      if (due !== undefined) {
        this.#lateFrames += 1;
        due.close();
      }
      due = first;
      this.#frames.shift();
    }
    if (due !== undefined) this.#floorUs = due.timestamp;
    return due;
  }

  /**
   * Closes all due frames but the newest: a burst that is only decoded to catch up needs no room. The first frame
   * from `eventUs` on stays, as in `takeDue`.
   */
  keepNewestDue(mediaUs: number, eventUs: number): void {
    while ((this.#frames[1]?.timestamp ?? Number.POSITIVE_INFINITY) <= mediaUs) {
      if ((this.#frames[0]?.timestamp ?? Number.NEGATIVE_INFINITY) >= eventUs) return;
      this.#frames.shift()?.close();
      this.#lateFrames += 1;
    }
  }

  /** The first waiting frame, which stays in the queue. */
  peek(): Frame | undefined {
    return this.#frames[0];
  }

  /** Closes all. `forget`: earlier times may be presented again (another broadcast, a restarted clock). */
  clear(forget: boolean): void {
    for (const frame of this.#frames) frame.close();
    this.#frames.length = 0;
    if (forget) this.#floorUs = Number.NEGATIVE_INFINITY;
  }
}
