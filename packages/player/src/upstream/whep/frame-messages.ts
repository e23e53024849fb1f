import type { TimedMessage } from "@canopy/media/timed";
import { isAfter } from "./rtp-order.ts";

/** Frames with messages that were read and not presented yet: some seconds of them at 30 a second. */
const MAX_FRAMES = 256;

interface MarkedFrame {
  readonly rtp: number;
  readonly messages: readonly TimedMessage[];
}

/** Messages that were found in encoded frames, until these frames, or later ones, are presented. */
export class FrameMessages {
  readonly #frames: MarkedFrame[] = [];
  #dropped = 0;

  /** Frames over the bound, the oldest first; their messages come by the data channel, too. */
  get dropped(): number {
    return this.#dropped;
  }

  add(rtp: number, messages: readonly TimedMessage[]): void {
    this.#frames.push({ rtp, messages });
    if (this.#frames.length <= MAX_FRAMES) return;
    this.#frames.shift();
    this.#dropped += 1;
  }

  /** Takes the messages of all frames up to that with `rtp`, in the order in which they came. */
  take(rtp: number, onMessage: (message: TimedMessage) => void): void {
    for (let index = 0; index < this.#frames.length; ) {
      const frame = this.#frames[index];
      if (frame === undefined || isAfter(frame.rtp, rtp)) {
        index += 1;
        continue;
      }
      this.#frames.splice(index, 1);
      for (const message of frame.messages) onMessage(message);
    }
  }
}
