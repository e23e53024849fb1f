import { ERROR_CODES, framePayload, type MoqSession, type Subscription } from "@canopy/protocol";

export interface DocumentTrackOptions {
  readonly broadcast: string;
  readonly track: string;
  readonly priority: number;
}

export interface DocumentTrackDeps {
  readonly session: MoqSession;
  /** One whole frame; `sequence` is that of its group, `index` its place in it. */
  readonly onDocument: (payload: Uint8Array, sequence: number, index: number) => void;
  /** The edge sends what appears from now on. */
  readonly onReady?: () => void;
  readonly onClosed: (code: number | undefined) => void;
}

/** Keep what is older than the newest group for this long: a message must not be lost to the next one. */
const MAX_LATENCY_MS = 10_000;

/** Subscribes to a track whose frames are documents: the catalog, timed messages. */
export class DocumentTrack {
  readonly #subscription: Subscription;
  #closed = false;

  constructor(options: DocumentTrackOptions, deps: DocumentTrackDeps) {
    this.#subscription = deps.session.subscribe(
      options.broadcast,
      options.track,
      {
        priority: options.priority,
        ordered: true,
        maxLatencyMs: MAX_LATENCY_MS,
        startGroup: undefined,
        endGroup: undefined,
      },
      {
        onInfo: () => {
          if (!this.#closed) deps.onReady?.();
        },
        onGroup: (group) => {
          if (this.#closed) {
            group.stop(ERROR_CODES.cancel);
            return;
          }
          let index = 0;
          group.listener = {
            onFrame: (frame) => {
              if (!this.#closed) deps.onDocument(framePayload(frame), group.sequence, index);
              index += 1;
            },
            onEnd: () => {},
            onAborted: () => {},
          };
        },
        onDropped: () => {},
        onClosed: (code) => {
          if (!this.#closed) deps.onClosed(code);
        },
      },
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription.close();
  }
}
