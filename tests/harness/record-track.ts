import { decodeLegacyFrame } from "@canopy/media/container";
import type { Store } from "@canopy/relay";
import type { Clock } from "@canopy/runtime";

export interface RecordedFrame {
  readonly group: number;
  /** Index in its group. */
  readonly index: number;
  readonly timestampUs: number;
  /** When it came out of the store, on the same clock. */
  readonly arrivalUs: number;
  readonly payload: Uint8Array;
}

/** Records a track of a store from now on; frames are added to the returned list as they come. */
export function recordTrack(
  deps: { readonly store: Store; readonly clock: Pick<Clock, "nowUs"> },
  path: string,
  track: string,
): RecordedFrame[] {
  const frames: RecordedFrame[] = [];
  let index = 0;
  deps.store
    .get(path)
    ?.track(track)
    ?.subscribe({
      onGroup: () => {
        index = 0;
      },
      onFrame: (frame, group) => {
        const payload = frame.wire.subarray(frame.payloadOffset);
        const isMedia = track !== "catalog.json" && track !== "timed";
        frames.push({
          group: group.sequence,
          index: index++,
          timestampUs: frame.timestamp,
          arrivalUs: deps.clock.nowUs(),
          payload: isMedia ? decodeLegacyFrame(payload).payload : payload,
        });
      },
      onClosed: () => {},
    });
  return frames;
}
