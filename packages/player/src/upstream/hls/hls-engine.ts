import type { TimedMessage } from "@canopy/media/timed";
import type { PlayerError } from "../../player-error.ts";
import type { ElementSource } from "../element-output.ts";

/** What reads playlists and feeds the element: hls.js, or the browser itself. */
export interface HlsEngine extends ElementSource {
  /** Media time at a point of the element's timeline, µs; undefined while it is not known. */
  mediaUs(seconds: number): number | undefined;
  /** How far the time that was given last may be off, µs; less than a frame lasts. */
  readonly toleranceUs: number;
  /** From a point of the element's timeline to the newest that the server has, s; undefined if it is not known. */
  behindEdgeS(seconds: number): number | undefined;
  /** How far from the newest a player has to stay, s. */
  readonly holdBackS: number;
  readonly receivedBytes: number;
  readonly videoCodec: string | undefined;
  readonly audioCodec: string | undefined;
  /** Idempotent. */
  close(): void;
}

export interface HlsEngineDeps {
  readonly onMessage: (message: TimedMessage) => void;
  /** The edge is about to stop: its viewers should go on at `to`, "" = at any other. May come with every playlist. */
  readonly onGoaway: (to: string) => void;
  /** It goes no further with these playlists: they have to be asked for anew. */
  readonly onLost: (error: PlayerError) => void;
  /** Another playlist, another codec or another reason that trying again does not change. */
  readonly onFailed: (error: PlayerError) => void;
}
