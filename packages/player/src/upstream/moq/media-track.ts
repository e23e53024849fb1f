import { decodeLegacyFrame } from "@canopy/media/container";
import {
  ERROR_CODES,
  framePayload,
  type IncomingGroup,
  type MoqSession,
  type Subscription,
} from "@canopy/protocol";
import type { TrackKind, UpstreamSink } from "../upstream.ts";

/** Older groups are of use for as long as the buffer may be deep. */
const MAX_LATENCY_MS = 2_000;

/** Groups of one track that may come in side by side. */
const MAX_OPEN_GROUPS = 32;

export interface MediaTrackOptions {
  readonly kind: TrackKind;
  readonly broadcast: string;
  readonly track: string;
  readonly priority: number;
}

/** Where the frames go. */
export type MediaTrackSink = Pick<UpstreamSink, "onGroupOpen" | "onFrame" | "onGroupEnd">;

export interface MediaTrackDeps {
  readonly session: MoqSession;
  readonly sink: MediaTrackSink;
  /** A group was left out or aborted by the edge. */
  readonly onLoss: () => void;
  /** The subscription ended or was refused; not after `close()`. */
  readonly onClosed: (code: number | undefined) => void;
}

/** Subscribes to a video or audio track and hands its frames, taken out of their container, to the sink. */
export class MediaTrack {
  readonly name: string;
  readonly #options: MediaTrackOptions;
  readonly #deps: MediaTrackDeps;
  readonly #subscription: Subscription;
  readonly #open = new Set<IncomingGroup>();
  #closed = false;

  constructor(options: MediaTrackOptions, deps: MediaTrackDeps) {
    this.name = options.track;
    this.#options = options;
    this.#deps = deps;
    this.#subscription = deps.session.subscribe(
      options.broadcast,
      options.track,
      {
        priority: options.priority,
        ordered: false,
        maxLatencyMs: MAX_LATENCY_MS,
        startGroup: undefined,
        endGroup: undefined,
      },
      {
        onInfo: () => {},
        onGroup: (group) => this.#onGroup(group),
        onDropped: (start, end) => {
          if (this.#closed) return;
          for (let lost = start; lost <= end && lost - start < MAX_OPEN_GROUPS; lost += 1) deps.onLoss();
        },
        onClosed: (code) => {
          if (!this.#closed) deps.onClosed(code);
        },
      },
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const group of this.#open) group.stop(ERROR_CODES.cancel);
    this.#open.clear();
    this.#subscription.close();
  }

  #onGroup(group: IncomingGroup): void {
    if (this.#closed || this.#open.size >= MAX_OPEN_GROUPS) {
      group.stop(ERROR_CODES.cancel);
      return;
    }
    const { kind, track } = this.#options;
    const { sink } = this.#deps;
    const { sequence } = group;
    this.#open.add(group);
    sink.onGroupOpen(kind, track, sequence);
    let isFirst = true;
    group.listener = {
      onFrame: (frame) => {
        if (this.#closed) return;
        let timestampUs: number;
        let payload: Uint8Array;
        try {
          ({ timestampUs, payload } = decodeLegacyFrame(framePayload(frame)));
        } catch {
          // The rest of a group cannot be decoded without this frame.
          group.stop(ERROR_CODES.decode);
          this.#end(group, true);
          return;
        }
        // hang sends empty frames as markers.
        if (payload.byteLength === 0) return;
        sink.onFrame(kind, track, sequence, {
          timestampUs,
          payload,
          isKey: kind === "audio" || isFirst,
        });
        isFirst = false;
      },
      onEnd: () => this.#end(group, false),
      onAborted: () => {
        this.#deps.onLoss();
        this.#end(group, true);
      },
    };
  }

  #end(group: IncomingGroup, aborted: boolean): void {
    if (!this.#open.delete(group) || this.#closed) return;
    this.#deps.sink.onGroupEnd(this.#options.kind, this.#options.track, group.sequence, aborted);
  }
}
