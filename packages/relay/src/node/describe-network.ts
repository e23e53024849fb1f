import type { BroadcastRecord, ClusterView, NodeLoad, NodeRecord, NodeRole } from "@canopy/runtime";
import type { Topology } from "../tree/describe-topology.ts";

/** What only the operator knows of a node. */
export interface NodeIdentity {
  readonly role: NodeRole;
  /** "" = none given. */
  readonly region: string;
  /** Addresses under which children, viewers and others reach the node; "" = not told. */
  readonly url: string;
  readonly httpUrl: string;
}

/** A node that feeds another one now. */
export interface FeedingNode {
  /** Hop id; absent while it is not known. */
  readonly id?: number;
  /** "" = not known. */
  readonly url: string;
  readonly rttMs: number;
  /** Tracks that are asked from it; absent where it is not told. */
  readonly subscriptions?: number;
}

/** A node as `GET /v1/topology` shows it: the one that is asked, and all others that it knows of. */
export interface NodeDescription extends NodeIdentity {
  /** Hop id, which names the node in the hops of broadcasts. */
  readonly id: number;
  readonly name: string;
  readonly tier: number;
  readonly draining: boolean;
  /** Milliseconds since the Unix epoch, by the node's own clock. */
  readonly startedAtMs: number;
  readonly load: NodeLoad;
  readonly parents: readonly FeedingNode[];
}

/** All that is known of the deployment. */
export interface ClusterDescription {
  /** When the control plane was last read, milliseconds since the Unix epoch; 0 = never. */
  readonly atMs: number;
  /** The control plane does not answer; this is what was known last. */
  readonly stale: boolean;
  readonly nodes: readonly NodeDescription[];
  readonly broadcasts: readonly BroadcastRecord[];
}

/** Answer of `GET /v1/topology`. */
export interface NetworkDescription extends Topology {
  readonly self: NodeDescription;
  /** Null without a control plane. */
  readonly cluster: ClusterDescription | null;
}

/** For operators: everything. Of this node its own word counts, which is newer than what it has told the others. */
export function describeNetwork(
  topology: Topology,
  self: NodeDescription,
  view: ClusterView | undefined,
): NetworkDescription {
  if (view === undefined) return { ...topology, self, cluster: null };
  const own = view.nodes.get(self.id);
  const named: NodeDescription = {
    ...self,
    region: self.region || (own?.region ?? ""),
    url: self.url || (own?.url ?? ""),
    httpUrl: self.httpUrl || (own?.httpUrl ?? ""),
    parents: self.parents.map((parent) => withId(parent, view)),
  };
  const others = [...view.nodes.values()].filter(({ id }) => id !== self.id);
  const nodes = [named, ...others.map((record) => describeRecord(record, view))].sort(byPlace);
  const broadcasts = [...view.broadcasts.values()].sort((a, b) => compare(a.path, b.path));
  return {
    ...topology,
    self: named,
    cluster: { atMs: view.atMs, stale: view.stale, nodes, broadcasts },
  };
}

/** For everybody else: no address, and nothing of the network. `topology` has the broadcasts that they may see. */
export function describeForOthers(topology: Topology, self: NodeDescription): NetworkDescription {
  const { parents: _parents, ...own } = topology;
  return {
    ...own,
    parent: null,
    children: [],
    self: { ...self, url: "", httpUrl: "", parents: [] },
    cluster: null,
  };
}

function describeRecord(record: NodeRecord, { nodes }: ClusterView): NodeDescription {
  const { id, name, role, tier, region, url, httpUrl, draining, startedAtMs, load } = record;
  const parents = (record.parents ?? []).map((parent) => ({
    ...parent,
    url: nodes.get(parent.id)?.url ?? "",
  }));
  return { id, name, role, tier, region, url, httpUrl, draining, startedAtMs, load, parents };
}

/** A parent of the configuration is known by its address alone. */
function withId(parent: FeedingNode, { nodes }: ClusterView): FeedingNode {
  if (parent.id !== undefined) return parent;
  for (const { id, url } of nodes.values()) if (hostOf(url) === hostOf(parent.url)) return { ...parent, id };
  return parent;
}

function byPlace(a: NodeDescription, b: NodeDescription): number {
  return a.tier - b.tier || compare(a.region, b.region) || compare(a.name, b.name) || a.id - b.id;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** `https://host:4440/` and `https://host:4440/live` are the same node. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
