import { PlayerError } from "../player-error.ts";
import type { MediaSource } from "./open-media.ts";

export interface PublishVideoOptions {
  /** Largest picture in pixels; a smaller source is not enlarged. Default 1280 × 720. */
  readonly width?: number;
  readonly height?: number;
  /** Pictures per second at most. Default 30. */
  readonly fps?: number;
  /** Bits per second at most; less is used while the path carries less. Default 1,500,000. */
  readonly bitrate?: number;
  /** Viewers join on a keyframe. Default 1,000 ms; with WHIP the origin asks for keyframes. */
  readonly keyframeIntervalMs?: number;
  readonly deviceId?: string;
}

export interface PublishAudioOptions {
  /** Bits per second. Default 64,000, with WHIP 96,000. */
  readonly bitrate?: number;
  readonly deviceId?: string;
}

/** What may be sent at most; less is used while the path carries less. */
export interface VideoLimits {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Bits per second. */
  readonly bitrate: number;
}

export interface PublishOptions {
  /** The origin: `https://host:port[/root]`. */
  readonly url: string;
  /**
   * `moq` (default): encoded by WebCodecs, sent over WebTransport or WebSocket. `whip`: encoded and sent by WebRTC, which every
   * browser has and which copes with lossy paths.
   */
  readonly protocol?: "moq" | "whip";
  /** Broadcast path, relative to the URL's path. */
  readonly broadcast: string;
  /** Camera with microphone, a screen, both in one picture, or a stream that the caller made (and stops). */
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
  /** Times that a session was opened again after one that had been live; attempts that fail do not count. */
  readonly reconnects: number;
  /** Why the picture is less than was asked for, if it is and that is known. */
  readonly limitation: "cpu" | "bandwidth" | undefined;
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
  /** Other limits from the next pictures on, also while it is live. */
  setVideo(limits: Partial<VideoLimits>): void;
  /** Ends the broadcast for everybody. Idempotent. */
  stop(): void;
}

/** Throws `PlayerError` "configuration" for options that leave nothing to publish. */
export function requireKind({ video, audio }: PublishOptions): void {
  if (video === false && audio === false) {
    throw new PlayerError("configuration", "neither video nor audio is wanted");
  }
}

/** The limits of the options, with their defaults. */
export function videoLimitsOf({ video }: PublishOptions): VideoLimits {
  const { width = 1280, height = 720, fps = 30, bitrate = 1_500_000 } = video === false ? {} : (video ?? {});
  return { width, height, fps, bitrate };
}
