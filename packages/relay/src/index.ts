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
export {
  type Parent,
  type ParentCandidate,
  type ParentChooser,
  type ParentDirectory,
  type ParentToken,
  StaticParents,
} from "./tree/choose-parent.ts";
export type { Topology, TopologyBroadcast, TopologyChild, TopologyParent } from "./tree/describe-topology.ts";
export {
  EdgeLocator,
  type EdgeLocatorDeps,
  type EdgeLocatorOptions,
  type LocatableNode,
} from "./tree/edge-locator.ts";
export { LocalFirstParents, RegistryChooser } from "./tree/local-first-parents.ts";
export { EDGE_TIER, type LocateEdgesOptions, locateEdges } from "./tree/locate-edges.ts";
export {
  LOAD_BOUND,
  type PlacedBroadcast,
  pickParent,
  placeBroadcasts,
  shareOf,
} from "./tree/place-broadcasts.ts";
export type { NodeLoad, PlacedNode } from "./tree/placed-node.ts";
export { registeredSuccessors } from "./tree/registered-successors.ts";
export {
  type RegisteredNode,
  RegistryParents,
  type RegistryParentsOptions,
} from "./tree/registry-parents.ts";
export { compareByRendezvous, hashKey, rendezvousScore, weightedScore } from "./tree/rendezvous.ts";
export {
  DRAINING_RANK,
  isSessionUrl,
  type SelectedParent,
  type SelectParentsOptions,
  selectParents,
} from "./tree/select-parents.ts";
export type { Successor } from "./tree/successor-ring.ts";
export {
  type ConnectParent,
  DEFAULT_PARENT_LINK,
  type ParentLinkOptions,
} from "./upstream/parent-link.ts";
