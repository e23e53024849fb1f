/** Bounds and times of serving one session. */
export interface DownstreamOptions {
  readonly maxSubscriptions: number;
  /**
   * Tracks of one broadcast that a peer may ask for whose source has not answered yet. Each has a place among the
   * tracks of its broadcast meanwhile, which names that do not exist would take from those that do.
   */
  readonly maxUnansweredTracks: number;
  readonly maxAnnounceRequests: number;
  /** Requests for track info and for cached groups that may be open at the same time, each. */
  readonly maxOpenRequests: number;
  /** Groups of one subscription that are being sent at the same time; the oldest gives way. */
  readonly maxOpenGroups: number;
  /** How long the rest of a group may still be sent once a newer one is there, if the viewer asked for less. */
  readonly graceMs: number;
  /** Unsent bytes of a session above which superseded groups are given up without waiting for `graceMs`. */
  readonly backlogBytes: number;
  /** Hard bound of a session's unsent bytes: groups are given up, lowest priority first, until half is free. */
  readonly maxBufferedBytes: number;
  /** A session that asks for nothing and publishes nothing for this long after opening is closed. */
  readonly silentSessionMs: number;
  /** How long a request for track info waits for the source. */
  readonly infoTimeoutMs: number;
}

export const DEFAULT_DOWNSTREAM_OPTIONS: DownstreamOptions = {
  maxSubscriptions: 128,
  // A player asks for four at once.
  maxUnansweredTracks: 16,
  maxAnnounceRequests: 32,
  maxOpenRequests: 64,
  // Of a track with a group per message, a node that could not run for a while sends what has come at once:
  // eight seconds of timed messages. What a group holds is bounded by time and bytes, not by this.
  maxOpenGroups: 256,
  graceMs: 500,
  // Half a second of an 8 Mbit/s stream; well above a single keyframe.
  backlogBytes: 512 * 1024,
  // The design's bound of memory for a viewer under backlog.
  maxBufferedBytes: 2 * 1024 * 1024,
  silentSessionMs: 15_000,
  infoTimeoutMs: 10_000,
};

/**
 * What differs for a session over raw QUIC: a child node asks for all tracks of all its viewers there, and asks for
 * them in one round trip when it changes its parent. 256 broadcasts of four tracks. What waits to be sent are
 * references to cached frames, and more than the transport's own bound would end the session.
 */
export const NODE_SESSION_OPTIONS: Partial<DownstreamOptions> = {
  maxSubscriptions: 1_024,
  // With room beside it, whatever a child's viewers ask for.
  maxUnansweredTracks: 56,
  maxOpenRequests: 1_024,
  backlogBytes: 6 * 1024 * 1024,
  maxBufferedBytes: 24 * 1024 * 1024,
};
