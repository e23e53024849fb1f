/** Numbers of a session of the package; every one has a finite default. They are what QMux sessions have. */
export interface FailsLimits {
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  /** Window of one incoming stream, and of all together. */
  readonly streamWindowBytes: number;
  readonly sessionWindowBytes: number;
  /** Streams of each direction that the peer may have open. */
  readonly maxIncomingStreams: number;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  /** Above it the session is closed; chunks are held by reference. */
  readonly maxSessionBufferBytes: number;
  readonly overflowCloseCode: number;
}

export const DEFAULT_FAILS_LIMITS: FailsLimits = {
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  streamWindowBytes: 256 * 1_024,
  sessionWindowBytes: 512 * 1_024,
  maxIncomingStreams: 1_024,
  streamHighWaterBytes: 256 * 1_024,
  streamLowWaterBytes: 64 * 1_024,
  maxSessionBufferBytes: 32 * 1_024 * 1_024,
  overflowCloseCode: 0,
};
