import { encodeLegacyFrame } from "@canopy/media/container";
import { readTimedMessages } from "@canopy/media/timed";
import type { Group, Track } from "@canopy/relay";
import type { TimedLane } from "../timed/timed-lane.ts";
import type { TrackMeter } from "./track-meter.ts";

export interface VideoLaneDeps {
  readonly track: Track;
  readonly meter: TrackMeter;
  readonly timed: TimedLane;
  /** Number of this rendition among those of the broadcast, from 0. */
  readonly rendition: number;
  nowMs(): number;
}

/** Writes one rendition into the store: a group per keyframe, timed messages in the SEI of H.264. */
export class VideoLane {
  readonly #deps: VideoLaneDeps;
  #group: Group | undefined;
  #awaitKeyframe = true;

  constructor(deps: VideoLaneDeps) {
    this.#deps = deps;
  }

  /** True until a keyframe arrives after the start or after a group had to be given up. */
  get awaitsKeyframe(): boolean {
    return this.#awaitKeyframe;
  }

  /** An H.264 access unit in Annex B, in decoding order. Copies it. */
  writeH264(timestampUs: number, annexB: Uint8Array, keyframe: boolean): void {
    if (!this.#begin(timestampUs, keyframe)) return;
    const { timed, rendition } = this.#deps;
    for (const read of readTimedMessages(annexB)) timed.pass(read, timestampUs, this.#deps.nowMs());
    this.#append(timestampUs, timed.embed(rendition, timestampUs, annexB));
  }

  /** A frame of a codec that carries no SEI of ours. Copies it. */
  writeOpaque(timestampUs: number, payload: Uint8Array, keyframe: boolean): void {
    if (this.#begin(timestampUs, keyframe)) this.#append(timestampUs, payload);
  }

  /** The publisher is gone or replaced: the group is complete as it is; the next frame must be a keyframe. */
  finishGroup(): void {
    this.#group?.finish();
    this.#group = undefined;
    this.#awaitKeyframe = true;
  }

  #begin(timestampUs: number, keyframe: boolean): boolean {
    const { meter, track } = this.#deps;
    if (track.closed) return false;
    if (keyframe) {
      this.#group?.finish();
      this.#group = track.openGroup();
      this.#awaitKeyframe = false;
      meter.keyframe(timestampUs);
    } else if (this.#awaitKeyframe) {
      meter.droppedFrames++;
      return false;
    }
    return true;
  }

  #append(timestampUs: number, payload: Uint8Array): void {
    const { meter } = this.#deps;
    meter.count(timestampUs, payload.length);
    if (this.#group?.append(timestampUs, encodeLegacyFrame(timestampUs, payload))) return;
    // The store's bound on a group is reached; what follows cannot be decoded without the lost frame.
    meter.droppedFrames++;
    this.#group = undefined;
    this.#awaitKeyframe = true;
  }
}
