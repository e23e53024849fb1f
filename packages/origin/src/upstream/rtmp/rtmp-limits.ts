/** What one RTMP connection may ask of us. All are checked before memory is taken. */
export interface RtmpLimits {
  /** Chunk size that the publisher may set. Most use 128 to 65,536; some set the largest message there is. */
  readonly maxChunkBytes: number;
  /** One message once publishing was granted: a keyframe of a 100 Mbit/s stream takes about 2 MiB. */
  readonly maxMessageBytes: number;
  /** One message before that: commands are a few hundred bytes. */
  readonly maxCommandBytes: number;
  /** Messages in assembly, all chunk streams together: the worst-case memory of a connection. */
  readonly maxBufferedBytes: number;
  /** Chunk streams (ids) in use; publishers use 3 to 6. */
  readonly maxChunkStreams: number;
  /** Messages that arrive between `publish` and its answer wait; more than this is refused. */
  readonly maxPendingBytes: number;
}

export const DEFAULT_RTMP_LIMITS: RtmpLimits = {
  maxChunkBytes: 0xff_ffff,
  maxMessageBytes: 8 * 1024 * 1024,
  maxCommandBytes: 64 * 1024,
  maxBufferedBytes: 12 * 1024 * 1024,
  maxChunkStreams: 16,
  maxPendingBytes: 1024 * 1024,
};
