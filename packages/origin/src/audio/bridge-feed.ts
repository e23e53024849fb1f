import { MediaError } from "@canopy/media";
import { decodeLegacyFrame } from "@canopy/media/container";
import type { WireFrame } from "@canopy/protocol";
import { type Group, RelayError, type Track, type TrackFeed, type TrackReading } from "@canopy/relay";
import type { AudioLane } from "../ingest/audio-lane.ts";
import type { OriginError } from "../origin-error.ts";
import type { TranscodeFormat } from "./transcode-format.ts";
import type { TranscoderThread, Transcoding, TranscodingOutput } from "./transcoder-thread.ts";

export interface BridgeFeedDeps {
  readonly transcoders: TranscoderThread;
  /** The publisher's track. */
  readonly source: Track;
  /** The track that is made, and the lane into it. */
  readonly track: Track;
  readonly lane: AudioLane;
  onFailed(error: OriginError): void;
  /** Not wanted any more, or the source has ended. */
  onClosed(): void;
}

/** One bridged track while somebody follows it: frames of the source through the thread into the store. */
export class BridgeFeed implements TrackFeed, TranscodingOutput {
  readonly #deps: BridgeFeedDeps;
  #format: TranscodeFormat;
  #transcoding: Transcoding | undefined;
  #reading: TrackReading | undefined;
  /** Groups that appeared after this one are in the new format. */
  #changesAfter: number | undefined;
  #closed = false;

  constructor(format: TranscodeFormat, deps: BridgeFeedDeps) {
    this.#format = format;
    this.#deps = deps;
  }

  /** False if nothing can be transcoded here. */
  start(): boolean {
    this.#transcoding = this.#deps.transcoders.open(this.#format, this);
    if (this.#transcoding === undefined) return false;
    this.#reading = this.#deps.source.subscribe({
      onGroup: (group) => this.#onGroup(group),
      onFrame: (frame) => this.#onSourceFrame(frame),
      onClosed: () => this.#end(),
    });
    return true;
  }

  /** The source's format changes with its next group; until that is read, frames are in the old one. */
  change(format: TranscodeFormat): void {
    this.#format = format;
    this.#changesAfter = this.#deps.source.arrivals;
  }

  // The newest group on is all that anybody can want of live sound.
  update(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading?.close();
    this.#transcoding?.close();
    this.#finishGroup();
    this.#deps.onClosed();
  }

  onFrame(timestampUs: number, payload: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#deps.lane.write(timestampUs, payload);
    } catch (error) {
      // The track was closed in the same turn.
      if (!(error instanceof RelayError)) throw error;
    }
  }

  onFailed(error: OriginError): void {
    if (this.#closed) return;
    this.close();
    this.#deps.onFailed(error);
  }

  #onGroup(group: Group): void {
    if (this.#changesAfter === undefined || group.arrival <= this.#changesAfter) return;
    this.#changesAfter = undefined;
    this.#transcoding?.close();
    this.#finishGroup();
    this.#transcoding = this.#deps.transcoders.open(this.#format, this);
  }

  #onSourceFrame(frame: WireFrame): void {
    try {
      const { timestampUs, payload } = decodeLegacyFrame(frame.wire.subarray(frame.payloadOffset));
      if (payload.length > 0) this.#transcoding?.push(timestampUs, payload);
    } catch (error) {
      // The origin wraps every frame itself; what a bug of ours breaks is left out.
      if (!(error instanceof MediaError)) throw error;
    }
  }

  /** The source is over: nothing comes any more. */
  #end(): void {
    this.#reading = undefined;
    this.close();
    this.#deps.track.close();
  }

  #finishGroup(): void {
    this.#deps.lane.finishGroup();
  }
}
