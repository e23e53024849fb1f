import { ERROR_CODES, type ErrorCode, type TrackInfo, type TrackInfoResponder } from "@canopy/protocol";
import type { InfoWaiter, Track } from "../store/track.ts";

/** A peer's question for the fixed properties of a track, answered at once or when the source has told them. */
export class ServedTrackInfo implements InfoWaiter {
  readonly expiresAtMs: number;
  private readonly responder: TrackInfoResponder;
  readonly track: Track;
  private readonly onDone: (request: ServedTrackInfo) => void;
  private done = false;

  constructor(
    responder: TrackInfoResponder,
    track: Track,
    expiresAtMs: number,
    onDone: (request: ServedTrackInfo) => void,
  ) {
    this.responder = responder;
    this.track = track;
    this.expiresAtMs = expiresAtMs;
    this.onDone = onDone;
  }

  start(): void {
    this.track.awaitInfo(this);
  }

  onTrackInfo(info: TrackInfo): void {
    if (this.settle()) this.responder.respond(info);
  }

  onTrackClosed(code: ErrorCode | undefined): void {
    if (this.settle()) this.responder.reject(code ?? ERROR_CODES.notFound);
  }

  /** The source has not answered in time. */
  expire(): void {
    if (this.settle()) this.responder.reject(ERROR_CODES.timeout);
  }

  /** The session is gone. Idempotent. */
  close(): void {
    this.settle();
  }

  private settle(): boolean {
    if (this.done) return false;
    this.done = true;
    this.track.cancelInfo(this);
    this.onDone(this);
    return true;
  }
}
