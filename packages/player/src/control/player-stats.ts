import type { TransportName } from "../upstream/upstream.ts";
import type { PlayerState } from "./player-state.ts";

/** A snapshot for overlays, tests and benchmarks; made on demand. */
export interface PlayerStats {
  readonly state: PlayerState;
  readonly transport: TransportName | undefined;
  /** Why that transport and not the first choice, in words; undefined if it is the first. */
  readonly transportReason: string | undefined;
  /** The edge in use. */
  readonly src: string | undefined;
  /** Capture to picture of the frame presented last, ms; 0 before the first. */
  readonly latencyMs: number;
  /** True if `latencyMs` is measured with the edge's clock from capture; otherwise from the fastest arrival. */
  readonly isLatencyAbsolute: boolean;
  readonly targetLatencyMs: number;
  /** Spread of the frames' way from capture to arrival, ms. */
  readonly jitterMs: number;
  /** Round trip to the edge, ms; 0 = unknown. */
  readonly rttMs: number;
  /** The edge's clock minus this machine's, ms, and how far the truth may be from it. */
  readonly clockOffsetMs: number;
  readonly clockUncertaintyMs: number;
  /** Media received and not yet presented, ms. */
  readonly bufferMs: number;
  /** 1 = normal; above while it catches up. */
  readonly playbackRate: number;
  /** Received over the last seconds, bits per second. */
  readonly bitrateBps: number;
  readonly receivedBytes: number;
  readonly decodedFrames: number;
  readonly presentedFrames: number;
  /** Frames that came or should have come and were never painted. */
  readonly droppedFrames: number;
  /** Jumps over groups that were missing, broken or too late. */
  readonly gaps: number;
  /** Groups that the edge aborted or left out. */
  readonly lostGroups: number;
  /** Packets lost on the way to this viewer, as far as the transport tells. */
  readonly lostPackets: number;
  /** Times that the picture stood still for over 0.6 s. */
  readonly stalls: number;
  readonly audioUnderruns: number;
  /** How far the sound is behind the picture, ms; 0 while there is no sound. */
  readonly avSkewMs: number;
  /** Loudest sample of the last tenth of a second, 0 to 1, before volume and mute. */
  readonly audioPeak: number;
  readonly fps: number;
  readonly width: number;
  readonly height: number;
  readonly videoCodec: string | undefined;
  readonly audioCodec: string | undefined;
  readonly rendition: string | undefined;
  /** Video renditions to choose from, largest first. */
  readonly renditions: readonly string[];
  /** From `play()` to the first picture, ms; undefined before. */
  readonly joinMs: number | undefined;
  /** Sessions that had to be opened again. */
  readonly reconnects: number;
  /** Edges that were about to stop and were left for another one without a pause. */
  readonly moves: number;
  /** Times that an edge sent the player where it does not go. */
  readonly refusedMoves: number;
  /** Media times of the frames presented last (up to 240), µs, oldest first. */
  readonly presentedTimestampsUs: readonly number[];
}
