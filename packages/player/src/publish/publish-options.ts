import type { PlayerError } from "../player-error.ts";
import type { MediaSource } from "./open-media.ts";

export interface PublishVideoOptions {
  /** Largest picture in pixels; a smaller source is not enlarged. Default 1280 × 720. */
  readonly width?: number;
  readonly height?: number;
  /** Pictures per second at most. Default 30. */
  readonly fps?: number;
  /** Bits per second at most; less is used while the path carries less. Default 1,500,000. */
  readonly bitrate?: number;
  /** Viewers join on a keyframe. Default 1,000 ms. */
  readonly keyframeIntervalMs?: number;
  readonly deviceId?: string;
}

export interface PublishAudioOptions {
  /** Bits per second. Default 64,000. */
  readonly bitrate?: number;
  readonly deviceId?: string;
}

export interface PublishOptions {
  /** The origin's MoQ address: `https://host:port[/root]`. */
  readonly url: string;
  /** Broadcast path, relative to the URL's path. */
  readonly broadcast: string;
  /** Camera with microphone, a screen, or a stream that the caller made (and stops). */
  readonly source: MediaSource;
  /** False: no video. */
  readonly video?: PublishVideoOptions | false;
  /** False: no audio. */
  readonly audio?: PublishAudioOptions | false;
  readonly token?: string;
  readonly onState?: (state: PublisherState, error: PlayerError | undefined) => void;
}

/**
 * `starting`: waiting for the camera; `connecting`: for the origin; `live`; `reconnecting`: the session was lost;
 * `stopped`: by `stop()` or because the source ended; `failed`: for good.
 */
export type PublisherState = "starting" | "connecting" | "live" | "reconnecting" | "stopped" | "failed";

export interface PublisherStats {
  readonly state: PublisherState;
  readonly codec: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly encodedFrames: number;
  /** Left out because the encoder or the path was behind. */
  readonly droppedFrames: number;
  readonly keyframes: number;
  readonly videoBytes: number;
  readonly audioBytes: number;
  /** What the encoder is told now, bits per second. */
  readonly targetBitrate: number;
  /** Media that waits unsent, bytes. */
  readonly backlogBytes: number;
  readonly rttMs: number;
  readonly sentBytes: number;
  readonly lostPackets: number;
  readonly reconnects: number;
  /** Our clock against the origin's, µs; undefined before it was measured. */
  readonly clockOffsetUs: number | undefined;
}

/** A broadcast that is being published. */
export interface Publisher {
  readonly state: PublisherState;
  readonly error: PlayerError | undefined;
  /** What is captured, for a preview; undefined before it is open. */
  readonly stream: MediaStream | undefined;
  stats(): PublisherStats;
  /** Ends the broadcast for everybody. Idempotent. */
  stop(): void;
}
