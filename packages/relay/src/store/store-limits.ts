/** Bounds of a store. All of them are enforced when something is added, never later. */
export interface StoreLimits {
  readonly maxBroadcasts: number;
  readonly maxRoutesPerBroadcast: number;
  readonly maxTracksPerBroadcast: number;
  /** Groups in the cache of one track, the newest included. */
  readonly maxGroupsPerTrack: number;
  readonly maxFramesPerGroup: number;
  /** Bytes of one frame; a larger one aborts its group. */
  readonly maxFrameBytes: number;
  /** Bytes of one group; a publisher that never starts a new group loses the group, not the node its memory. */
  readonly maxGroupBytes: number;
  readonly maxTrackBytes: number;
  /** Bytes of all groups of all tracks: the worst-case memory of the cache. */
  readonly maxCacheBytes: number;
  /** Upper bound of the cache time that a track's info may ask for. */
  readonly maxCacheMs: number;
  readonly maxPathBytes: number;
  readonly maxPathSegments: number;
  readonly maxTrackNameBytes: number;
  readonly maxHops: number;
}

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  maxBroadcasts: 10_000,
  // One by each of the parents that a node may have, and those that just went.
  maxRoutesPerBroadcast: 40,
  maxTracksPerBroadcast: 64,
  // 10 s of one-frame audio groups (50/s) with room to spare.
  maxGroupsPerTrack: 1_024,
  // A minute at 60 fps without a keyframe.
  maxFramesPerGroup: 4_096,
  maxFrameBytes: 8 * 1024 * 1024,
  // A 10 s group at 25 Mbit/s.
  maxGroupBytes: 32 * 1024 * 1024,
  maxTrackBytes: 64 * 1024 * 1024,
  maxCacheBytes: 512 * 1024 * 1024,
  maxCacheMs: 10_000,
  maxPathBytes: 1_024,
  // As in the other implementations of the protocol.
  maxPathSegments: 32,
  maxTrackNameBytes: 256,
  maxHops: 32,
};

/** Numbers that only grow, read by the metrics when they are scraped. */
export class StoreCounters {
  framesReceived = 0;
  bytesReceived = 0;
  groupsReceived = 0;
  groupsEvicted = 0;
  groupsExpired = 0;
  groupsOverLimit = 0;
  groupsDuplicate = 0;
  routesLooped = 0;
  limitRefusals = 0;
}
