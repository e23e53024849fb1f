/** Bounds of one engine; all of them hold before memory is taken. */
export interface WebRtcLimits {
  /** Peers of all states. About 170 kB each with media flowing. */
  readonly maxPeers: number;
  /** Peers whose ICE and DTLS handshakes are not done. A half-open peer holds about 60 kB and no media. */
  readonly maxHalfOpen: number;
  /** A peer that is not connected by then is closed. */
  readonly handshakeTimeoutMs: number;
  /** How long gathering may take before the answer goes out without the missing candidates (STUN, TURN). */
  readonly gatheringTimeoutMs: number;
  /** A peer whose ICE consent is lost (RFC 7675) and does not come back within this time is closed. */
  readonly disconnectedTimeoutMs: number;
  /** Longest packet or data-channel message taken from a peer, bytes. */
  readonly maxMessageBytes: number;
  /** Remote candidates of one peer, offer and trickle together. */
  readonly maxCandidates: number;
  /** RTP streams (SSRCs) of one peer. */
  readonly maxSsrcs: number;
  readonly maxDataChannels: number;
  /** RTP and RTCP packets of one peer per second; more are dropped and counted. 50 Mbit/s are about 5,000. */
  readonly maxPacketsPerSecond: number;
  /** Bytes that may wait in a data channel; beyond them messages are refused. */
  readonly maxDataChannelBufferBytes: number;
}

export const DEFAULT_WEBRTC_LIMITS: WebRtcLimits = {
  maxPeers: 2_000,
  maxHalfOpen: 256,
  handshakeTimeoutMs: 10_000,
  gatheringTimeoutMs: 2_000,
  disconnectedTimeoutMs: 10_000,
  maxMessageBytes: 16_384,
  maxCandidates: 64,
  maxSsrcs: 32,
  maxDataChannels: 4,
  maxPacketsPerSecond: 10_000,
  maxDataChannelBufferBytes: 262_144,
};
