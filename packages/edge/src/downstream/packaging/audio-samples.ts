import { opusPacketDurationUs } from "@canopy/media/opus";
import type { PackagedAudio } from "./packaged-media.ts";

/** One frame of sound on a timeline without holes, in samples. */
export interface AudioSample {
  readonly data: Uint8Array;
  /** Since the Unix epoch, in the rendition's sample rate. */
  readonly start: number;
  readonly length: number;
  readonly timestampUs: number;
  /** Its time does not go on from the sample before. */
  readonly isBreak: boolean;
}

const US_PER_SECOND = 1_000_000;
/** Timestamps of publishers are rounded, to 1 ms by RTMP: up to here the frames are taken as back to back. */
const TOLERANCE_SECONDS = 0.005;
/** What a frame may be moved towards its timestamp: clocks that drift by 1% are followed without a click. */
const STEP_SHARE = 1 / 64;
/** Beyond it there is a hole or an overlap, not a drift. */
const JUMP_SECONDS = 0.04;
const BREAK_US = 1_000_000;

/** Puts the frames of one rendition on a timeline of samples. */
export class AudioSampleMaker {
  readonly #audio: PackagedAudio;
  #next = Number.NaN;
  #lastUs = Number.NaN;

  constructor(audio: PackagedAudio) {
    this.#audio = audio;
  }

  /** Undefined for a frame that lies before what was sent already. @throws MediaError. Copies the frame. */
  make(timestampUs: number, payload: Uint8Array): AudioSample | undefined {
    const { sampleRate, samplesPerFrame } = this.#audio;
    const length =
      samplesPerFrame > 0
        ? samplesPerFrame
        : Math.round((opusPacketDurationUs(payload) * sampleRate) / US_PER_SECOND);
    const actual = samplesOfUs(timestampUs, sampleRate);
    const isBreak = Math.abs(timestampUs - this.#lastUs) > BREAK_US;
    this.#lastUs = timestampUs;
    let start = actual;
    if (!isBreak && !Number.isNaN(this.#next)) {
      const error = actual - this.#next;
      if (error < -JUMP_SECONDS * sampleRate) return undefined;
      if (error <= JUMP_SECONDS * sampleRate) start = this.#next + step(error, sampleRate, length);
    }
    this.#next = start + length;
    return { data: payload.slice(), start, length, timestampUs, isBreak };
  }
}

function step(error: number, sampleRate: number, length: number): number {
  if (Math.abs(error) <= TOLERANCE_SECONDS * sampleRate) return 0;
  const most = Math.max(1, Math.floor(length * STEP_SHARE));
  return Math.max(-most, Math.min(most, Math.trunc(error)));
}

/** Exact for every wall-clock time, which times a sample rate would not be. */
export function samplesOfUs(timestampUs: number, sampleRate: number): number {
  const seconds = Math.floor(timestampUs / US_PER_SECOND);
  return (
    seconds * sampleRate + Math.round(((timestampUs - seconds * US_PER_SECOND) * sampleRate) / US_PER_SECOND)
  );
}

export function usOfSamples(samples: number, sampleRate: number): number {
  const seconds = Math.floor(samples / sampleRate);
  return (
    seconds * US_PER_SECOND + Math.round(((samples - seconds * sampleRate) * US_PER_SECOND) / sampleRate)
  );
}
