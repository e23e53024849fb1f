export { type Clock, createBrowserClock } from "./clock.ts";
export { Connection, type ConnectionDeps, type ConnectionOptions } from "./control/connection.ts";
export { createPlayer, defaultUpstreams } from "./control/create-player.ts";
export { Player, type PlayerDeps, type PlayerOptions } from "./control/player.ts";
export type { PlayerEvents } from "./control/player-events.ts";
export type { PlayerState } from "./control/player-state.ts";
export type { PlayerStats } from "./control/player-stats.ts";
export { CanopyPlayerElement } from "./element/canopy-player-element.ts";
export { PlayerError, type PlayerErrorCode } from "./player-error.ts";
export type { PresentedFrame } from "./present/presented-log.ts";
export type { EncodedFrame } from "./store/encoded-frame.ts";
export { JitterBuffer } from "./store/jitter-buffer.ts";
export type { TimedEventDetail, TimedSource } from "./timed/timed-queue.ts";
export type { DialedSession, DialOptions } from "./upstream/moq/dialed-session.ts";
export { MoqUpstream, type MoqUpstreamOptions } from "./upstream/moq/moq-upstream.ts";
export type {
  ElementFrame,
  ElementStats,
  TrackKind,
  TrackSelection,
  TransportName,
  Upstream,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
  UpstreamStats,
} from "./upstream/upstream.ts";
