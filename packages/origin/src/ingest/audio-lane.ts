import { encodeLegacyFrame } from "@canopy/media/container";
import type { Group, Track } from "@canopy/relay";
import type { TrackMeter } from "./track-meter.ts";

export interface AudioLaneDeps {
  readonly track: Track;
  readonly meter: TrackMeter;
}

/** Writes one audio rendition into the store, in groups of a fixed span (design D5). */
export class AudioLane {
  readonly #groupUs: number;
  readonly #deps: AudioLaneDeps;
  #group: Group | undefined;
  #groupEndUs = 0;

  constructor(options: { readonly groupUs: number }, deps: AudioLaneDeps) {
    this.#groupUs = options.groupUs;
    this.#deps = deps;
  }

  /** One codec frame. Copies `payload`. */
  write(timestampUs: number, payload: Uint8Array): void {
    const { track, meter } = this.#deps;
    if (track.closed) return;
    if (this.#group === undefined || timestampUs >= this.#groupEndUs) {
      this.#group?.finish();
      this.#group = track.openGroup();
      this.#groupEndUs = timestampUs + this.#groupUs;
      meter.keyframe(timestampUs);
    }
    meter.count(timestampUs, payload.length);
    if (this.#group.append(timestampUs, encodeLegacyFrame(timestampUs, payload))) return;
    meter.droppedFrames++;
    this.#group = undefined;
  }

  finishGroup(): void {
    this.#group?.finish();
    this.#group = undefined;
  }
}
