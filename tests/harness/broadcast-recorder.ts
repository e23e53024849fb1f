import { decodeLegacyFrame } from "@canopy/media/container";
import { framePayload } from "@canopy/protocol";
import { MoqViewer } from "./moq-viewer.ts";

export interface RecordedFrame {
  /** Group sequence. */
  readonly group: number;
  /** µs of media time. */
  readonly timestampUs: number;
  /** Without the container: an access unit, an audio frame, or the JSON of a timed message. */
  readonly payload: Uint8Array;
}

/** A recording does without no group, however late a busy machine is with it. */
const PATIENT_LATENCY_MS = 60_000;

/** Keeps every frame of some tracks of one broadcast, as a viewer at a node gets them. */
export class BroadcastRecorder {
  readonly viewer: MoqViewer;
  readonly #tracks: ReadonlyMap<string, Map<number, RecordedFrame[]>>;

  private constructor(viewer: MoqViewer, tracks: ReadonlyMap<string, Map<number, RecordedFrame[]>>) {
    this.viewer = viewer;
    this.#tracks = tracks;
  }

  static async open(url: string, broadcast: string, names: readonly string[]): Promise<BroadcastRecorder> {
    const tracks = new Map(names.map((name) => [name, new Map<number, RecordedFrame[]>()]));
    const viewer = await MoqViewer.connect({
      url,
      broadcast,
      tracks: names,
      maxLatencyMs: PATIENT_LATENCY_MS,
      onFrame: (name, group, frame) => {
        const groups = tracks.get(name);
        if (groups === undefined) return;
        const bytes = framePayload(frame);
        const isMedia = name !== "timed" && name !== "catalog.json";
        const payload = isMedia ? decodeLegacyFrame(bytes).payload : bytes;
        const recorded = { group, timestampUs: frame.timestamp, payload: payload.slice() };
        const frames = groups.get(group);
        if (frames === undefined) groups.set(group, [recorded]);
        else frames.push(recorded);
      },
    });
    return new BroadcastRecorder(viewer, tracks);
  }

  /** Frames of a track so far, in the order of the broadcast: groups by sequence, frames as sent. */
  frames(track: string): RecordedFrame[] {
    const groups = this.#tracks.get(track);
    if (groups === undefined) throw new Error(`${track} is not recorded`);
    return [...groups].sort(([a], [b]) => a - b).flatMap(([, frames]) => frames);
  }

  /** Newest media time of a track, µs; -Infinity before the first frame. */
  newestUs(track: string): number {
    return this.frames(track).reduce((newest, frame) => Math.max(newest, frame.timestampUs), -Infinity);
  }

  close(): void {
    this.viewer.close();
  }
}
