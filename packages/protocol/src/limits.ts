/** Bounds that a session puts on its peer. Every one is checked before memory is taken. */
export interface MoqLimits {
  /** One control message. */
  readonly maxMessageBytes: number;
  /** Payload of one frame. */
  readonly maxFrameBytes: number;
  /** ANNOUNCE requests of the peer that are open at once. */
  readonly maxAnnounceRequests: number;
  /** Subscriptions of the peer that are open at once. */
  readonly maxSubscriptions: number;
  /** TRACK, FETCH, PROBE and GOAWAY streams of the peer that are open at once. */
  readonly maxOtherRequests: number;
  /** Streams of the peer, of any kind, that are open at once. */
  readonly maxIncomingStreams: number;
  /** Broadcasts that the peer may announce on one request. */
  readonly maxAnnouncements: number;
  /** Own requests that wait for the peer's stream limit or for the version. */
  readonly maxPendingRequests: number;
  /** TRACK_INFO answers that are kept. */
  readonly maxCachedTracks: number;
  /** How long a request waits for its first reply. */
  readonly replyTimeoutMs: number;
}

export const DEFAULT_LIMITS: MoqLimits = {
  // Paths, hop chains and parameters fit many times over.
  maxMessageBytes: 64 * 1024,
  // An intra frame of 8K video at high quality.
  maxFrameBytes: 16 * 1024 * 1024,
  maxAnnounceRequests: 128,
  maxSubscriptions: 1024,
  // A node that changes its parent asks for the info of all its tracks at once.
  maxOtherRequests: 1024,
  // Twice what the transports allow by default, so that only a peer that floods meets it.
  maxIncomingStreams: 4096,
  maxAnnouncements: 16_384,
  maxPendingRequests: 1024,
  maxCachedTracks: 1024,
  // What @moq/net waits.
  replyTimeoutMs: 10_000,
};

/** Segments of a path (moq-lite: limits of both implementations). */
export const MAX_PATH_SEGMENTS = 32;

/** Ids in a hop chain. */
export const MAX_HOPS = 32;

/** Parameters in a SETUP. */
export const MAX_SETUP_PARAMETERS = 64;
