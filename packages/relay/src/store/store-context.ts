import type { Clock } from "@canopy/runtime";
import type { FlushQueue } from "./flush-queue.ts";
import type { StoreCounters, StoreLimits } from "./store-limits.ts";
import type { Track } from "./track.ts";

/** What broadcasts and tracks need from the store they live in. */
export interface StoreContext {
  readonly clock: Clock;
  readonly limits: StoreLimits;
  readonly counters: StoreCounters;
  readonly flushQueue: FlushQueue;
  addCacheBytes(bytes: number): void;
  /** Evicts old groups of all tracks until `bytes` more fit; false if only newest groups are left. */
  makeRoom(bytes: number): boolean;
  /** A track's observers have been told of new frames; for measurements. */
  onNotified(track: Track, nowMs: number): void;
  /** An observer of the track has thrown, and is let go of. */
  observerFailed(track: Track, error: unknown): void;
}
