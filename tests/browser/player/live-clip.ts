import type { Catalog } from "@canopy/media/catalog";
import type { ClipFrame, ClipFrames } from "./clip-frames.ts";

export interface LiveFrame {
  readonly kind: "video" | "audio";
  readonly isKey: boolean;
  /** µs since the epoch by the publisher's clock. */
  readonly timestampUs: number;
  /** Number of the picture within the clip, as its squares show it. */
  readonly number: number;
  readonly payload: Uint8Array;
}

interface PreparedFrame extends ClipFrame {
  readonly kind: "video" | "audio";
  readonly payload: Uint8Array;
}

/** A clip as an endless live source: frame by frame at the pace of its timestamps. */
export class LiveClip {
  readonly clip: ClipFrames;
  readonly #frames: readonly PreparedFrame[];
  readonly #startUs: number;
  #loop = 0;
  #next = 0;

  constructor(clip: ClipFrames, startUs: number) {
    this.clip = clip;
    this.#startUs = startUs;
    this.#frames = [
      ...clip.video.map((frame) => ({ ...frame, kind: "video" as const, payload: bytesOf(frame.data) })),
      ...clip.audio.map((frame) => ({ ...frame, kind: "audio" as const, payload: bytesOf(frame.data) })),
    ].sort((a, b) => a.decodeUs - b.decodeUs);
  }

  get catalog(): Catalog {
    const { clip } = this;
    return {
      video: {
        renditions: {
          video: { codec: clip.videoCodec, codedWidth: clip.width, codedHeight: clip.height },
          small: { codec: clip.videoCodec, codedWidth: clip.width / 2, codedHeight: clip.height / 2 },
        },
      },
      audio: {
        renditions: {
          audio: {
            codec: clip.audioCodec,
            ...(clip.audioDescription === "" ? {} : { description: clip.audioDescription }),
            sampleRate: 48_000,
            numberOfChannels: 2,
          },
        },
      },
      canopy: { timed: { track: "timed" }, bFrames: clip.bFrames },
    };
  }

  /** The frames that are complete at `nowUs` and were not given yet. */
  take(nowUs: number): LiveFrame[] {
    const taken: LiveFrame[] = [];
    for (;;) {
      const frame = this.#frames[this.#next];
      if (frame === undefined) {
        this.#loop += 1;
        this.#next = 0;
        continue;
      }
      const baseUs = this.#startUs + this.#loop * this.clip.durationUs;
      if (baseUs + frame.decodeUs > nowUs) return taken;
      this.#next += 1;
      taken.push({
        kind: frame.kind,
        isKey: frame.isKey,
        timestampUs: Math.round(baseUs + frame.timestampUs),
        number: Math.round((frame.timestampUs - this.clip.firstFrameUs) / this.clip.frameUs),
        payload: frame.payload,
      });
    }
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
