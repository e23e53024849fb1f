export { DEFAULT_DOWNSTREAM_OPTIONS, type DownstreamOptions } from "./downstream/downstream-options.ts";
export type { AuthorizePeer, PublisherHook, PublisherSession } from "./peer/accepted-peer.ts";
export type { CreateMoqConnection, MoqConnection, MoqConnectionOptions } from "./peer/moq-connection.ts";
export { RelayError, type RelayErrorCode } from "./relay-error.ts";
export { RelayNode, type RelayNodeDeps, type RelayNodeOptions } from "./relay-node.ts";
export type { Broadcast } from "./store/broadcast.ts";
export type { ScheduleFlush } from "./store/flush-queue.ts";
export type { Group } from "./store/group.ts";
export type { TrackReader, TrackReading } from "./store/read-track.ts";
export type { Route, RouteSource, TrackFeed } from "./store/route.ts";
export { type PublishOptions, Store, type StoreDeps, type StoreOptions } from "./store/store.ts";
export { DEFAULT_STORE_LIMITS, StoreCounters, type StoreLimits } from "./store/store-limits.ts";
export type { InfoWaiter, OpenFeed, Track, TrackObserver } from "./store/track.ts";
export type { BroadcastWatcher } from "./store/watch-broadcasts.ts";
export { type Parent, type ParentChooser, StaticParents } from "./tree/choose-parent.ts";
export type { Topology, TopologyBroadcast, TopologyChild, TopologyParent } from "./tree/describe-topology.ts";
export {
  type ConnectParent,
  DEFAULT_PARENT_LINK,
  type ParentLinkOptions,
} from "./upstream/parent-link.ts";
