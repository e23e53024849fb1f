/** Why the origin refused or ended something; a closed list, also used as the metrics label `reason`. */
export type OriginErrorCode =
  | "not-rtmp"
  | "chunk-size"
  | "chunk-streams"
  | "chunk-order"
  | "message-too-large"
  | "buffer-full"
  | "bad-command"
  | "bad-path"
  | "unauthorized"
  | "forbidden"
  | "token-expired"
  | "no-room"
  | "broadcast-in-use"
  | "too-many-broadcasts"
  | "too-many-sessions"
  | "handshake-timeout"
  | "idle-timeout"
  | "play-unsupported"
  | "codec-unsupported"
  | "bad-media"
  | "kicked"
  | "taken-over"
  | "closed"
  | "timed-too-large"
  | "timed-rate"
  | "timed-invalid"
  | "bridge-unavailable"
  | "bridge-failed"
  | "bad-target"
  | "target-unreachable"
  | "target-refused"
  | "target-stalled"
  | "too-many-restreams"
  | "too-many-recordings"
  | "storage-failed"
  | "storage-full"
  | "not-found";

/** The one error class of this package. `message` is fit to be shown to the sender: it holds no secret. */
export class OriginError extends Error {
  override readonly name = "OriginError";
  readonly code: OriginErrorCode;

  constructor(code: OriginErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
