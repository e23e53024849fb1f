/** Live playback needs no more of what has been seen... */
const KEEP_S = 10;

/** ...and only with this much more is something given up, or at once... */
const SLACK_S = 20;

/** ...from here on. */
const MOST_S = 60;

export interface BufferedMoment {
  /** `video` and `audio` have a buffer each. */
  readonly type: string;
  /** Of what has just been put into it, s on the element's timeline. */
  readonly startS: number;
  /** What is shown, likewise. */
  readonly positionS: number;
  /** Nothing else is there to be loaded, so that nothing comes in while some of it is removed. */
  readonly isIdle: boolean;
}

/**
 * When the engine gives up what has been seen. hls.js does so by itself at every new segment, also between the arrival
 * of a part and its entry in the buffer, and then takes the segment's former parts for missing (1.7.4). Where its
 * arithmetic puts the end of the buffer a fraction of a µs before the next segment, it stands still for ever.
 */
export class BackBuffer {
  readonly #startS = new Map<string, number>();

  /** Where to remove up to, s; undefined: nothing now. */
  update({ type, startS, positionS, isIdle }: BufferedMoment): number | undefined {
    const beginS = this.#startS.get(type) ?? startS;
    this.#startS.set(type, beginS);
    if (positionS - beginS < (isIdle ? KEEP_S + SLACK_S : MOST_S)) return undefined;
    const endS = positionS - KEEP_S;
    this.#startS.set(type, endS);
    return endS;
  }
}
