/** Numbers of a QMux session; every one has a finite default. */
export interface QmuxLimits {
  /** Without a byte from the peer for this long the session is over. */
  readonly idleTimeoutMs: number;
  /** A PING goes out when nothing came in for this long; well under the idle timeout. */
  readonly keepAliveMs: number;
  /** Largest record taken from the peer; the socket refuses larger messages before it keeps them. */
  readonly maxRecordBytes: number;
  /** Window of one incoming stream: the most that is held for a paused one. */
  readonly streamWindowBytes: number;
  /**
   * Window of all incoming streams together. It also bounds what is on the way to a receiver that is slow, which TCP
   * would otherwise let grow to megabytes: 512 KiB carry 20 Mbit/s over 200 ms.
   */
  readonly sessionWindowBytes: number;
  /** Streams of each direction that the peer may have open. */
  readonly maxIncomingStreams: number;
  /** `write` returns false above this many buffered bytes of one stream. */
  readonly streamHighWaterBytes: number;
  /** `onDrain` fires once a stream that was above the high-water mark falls under this. */
  readonly streamLowWaterBytes: number;
  /**
   * Bytes that all streams of a session may buffer; above it the session is closed. The last resort: whoever writes
   * gives up data of a slow peer much earlier. Chunks are held by reference, so shared ones cost nothing here.
   */
  readonly maxSessionBufferBytes: number;
  /** Application code of that close. */
  readonly overflowCloseCode: number;
  /**
   * Bytes that the socket may hold unsent. What it has can neither be taken back nor overtaken, so it is little: a
   * third of a second of 1.5 Mbit/s.
   */
  readonly socketHighWaterBytes: number;
  /** Control frames that wait for a socket that takes nothing; above it the session is closed. 32 bytes each. */
  readonly maxControlFrames: number;
}

export const DEFAULT_QMUX_LIMITS: QmuxLimits = {
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  maxRecordBytes: 65_535,
  streamWindowBytes: 256 * 1_024,
  sessionWindowBytes: 512 * 1_024,
  maxIncomingStreams: 1_024,
  streamHighWaterBytes: 256 * 1_024,
  streamLowWaterBytes: 64 * 1_024,
  maxSessionBufferBytes: 32 * 1_024 * 1_024,
  overflowCloseCode: 0,
  socketHighWaterBytes: 64 * 1_024,
  maxControlFrames: 8_192,
};
