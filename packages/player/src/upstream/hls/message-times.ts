/** Of messages that wait for their frame: half a minute of them at 30 a second. */
const MAX_WAITING = 1024;

/**
 * The times of messages, to tell that a frame is that of a message although the browser gives its time rounded: a
 * microsecond earlier, and the message would wait for the next frame.
 */
export class MessageTimes {
  readonly #times: number[] = [];

  add(atUs: number): void {
    let index = this.#times.length;
    while (index > 0 && (this.#times[index - 1] ?? 0) > atUs) index -= 1;
    if (this.#times[index - 1] === atUs) return;
    this.#times.splice(index, 0, atUs);
    // The furthest in the future, as the queue of messages does.
    if (this.#times.length > MAX_WAITING) this.#times.pop();
  }

  /** The frame's time, or that of a message that is no further ahead than that may be off. Forgets times up to it. */
  snap(frameUs: number, toleranceUs: number): number {
    let snappedUs = frameUs;
    for (;;) {
      const first = this.#times[0];
      if (first === undefined || first > frameUs + toleranceUs) return snappedUs;
      this.#times.shift();
      if (first > snappedUs) snappedUs = first;
    }
  }
}
