import type { MediaTrackSink } from "./media-track.ts";

/** More than the group of a second or two that an edge has in its cache, at 6 Mbit/s: 2 MiB. */
const MAX_HELD_BYTES = 2 * 1024 * 1024;

/** Frames, beginnings and ends of groups. */
const MAX_HELD_EVENTS = 512;

/**
 * What comes of a track before the catalog has said whether it exists and how to decode it. Held in order, then
 * handed on to the sink; over its bound it gives up, and the track has to be subscribed anew.
 */
export class EarlyTrack {
  readonly sink: MediaTrackSink;
  #held: (() => void)[] | undefined = [];
  #heldBytes = 0;
  #isOverfull = false;

  constructor(target: MediaTrackSink) {
    this.sink = {
      onGroupOpen: (...args) => this.#pass(0, () => target.onGroupOpen(...args)),
      onFrame: (...args) => {
        if (this.#held === undefined) target.onFrame(...args);
        else this.#pass(args[3].payload.byteLength, () => target.onFrame(...args));
      },
      onGroupEnd: (...args) => this.#pass(0, () => target.onGroupEnd(...args)),
    };
  }

  /** Something was thrown away: what follows could not be decoded. */
  get isOverfull(): boolean {
    return this.#isOverfull;
  }

  /** The track is wanted: all that was held goes on, and from now on everything at once. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) event();
  }

  #pass(bytes: number, event: () => void): void {
    if (this.#held === undefined) {
      event();
      return;
    }
    if (this.#isOverfull) return;
    this.#heldBytes += bytes;
    this.#isOverfull = this.#heldBytes > MAX_HELD_BYTES || this.#held.length >= MAX_HELD_EVENTS;
    if (this.#isOverfull) this.#held.length = 0;
    else this.#held.push(event);
  }
}
