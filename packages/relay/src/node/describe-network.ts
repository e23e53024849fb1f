import type { Topology, TopologyParent } from "../tree/describe-topology.ts";
import type { LoadReport } from "./node-load.ts";

export type NodeRole = "origin" | "relay" | "edge";

/** What only the operator knows of a node. */
export interface NodeIdentity {
  readonly role: NodeRole;
  /** "" = none given. */
  readonly region: string;
  /** Addresses under which children, viewers and others reach the node; "" = not told. */
  readonly url: string;
  readonly httpUrl: string;
}

/** A node as `GET /v1/topology` shows it: the one that is asked, and all others that it knows of. */
export interface NodeDescription extends NodeIdentity {
  /** Hop id, which names the node in the hops of broadcasts. */
  readonly id: number;
  readonly name: string;
  readonly tier: number;
  readonly draining: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  readonly load: LoadReport;
  /** Nodes that feed it now. */
  readonly parents: readonly TopologyParent[];
}

export interface ClusterBroadcast {
  readonly path: string;
  /** The origin that has it. */
  readonly nodeId: number;
  readonly epoch: number;
  readonly startedAtMs: number;
}

/** All that is known of the deployment. */
export interface ClusterDescription {
  readonly atMs: number;
  /** The control plane does not answer; this is what was known last. */
  readonly stale: boolean;
  readonly nodes: readonly NodeDescription[];
  readonly broadcasts: readonly ClusterBroadcast[];
}

/** Answer of `GET /v1/topology`. */
export interface NetworkDescription extends Topology {
  readonly self: NodeDescription;
  /** Null without a control plane. */
  readonly cluster: ClusterDescription | null;
}

/** For operators: everything. Parents that are only known by their address get their id where a node has that. */
export function describeNetwork(
  topology: Topology,
  self: NodeDescription,
  cluster: ClusterDescription | undefined,
): NetworkDescription {
  if (cluster === undefined) return { ...topology, self, cluster: null };
  const others = cluster.nodes.filter(({ id }) => id !== self.id);
  const nodes = [self, ...others].sort(byPlace);
  const idByUrl = new Map(nodes.map(({ url, id }) => [urlKey(url), id]));
  const withIds = (node: NodeDescription): NodeDescription => ({
    ...node,
    parents: node.parents.map((parent) => {
      const id = parent.id ?? idByUrl.get(urlKey(parent.url));
      return id === undefined ? parent : { ...parent, id };
    }),
  });
  const named = nodes.map(withIds);
  return { ...topology, self: withIds(self), cluster: { ...cluster, nodes: named } };
}

/** For everybody else: no address, and nothing of the network. `topology` has the broadcasts that they may see. */
export function describeForOthers(topology: Topology, self: NodeDescription): NetworkDescription {
  return {
    ...topology,
    parent: null,
    children: [],
    self: { ...self, url: "", httpUrl: "", parents: [] },
    cluster: null,
  };
}

function byPlace(a: NodeDescription, b: NodeDescription): number {
  return a.tier - b.tier || compare(a.region, b.region) || compare(a.name, b.name) || a.id - b.id;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** `https://host:4440/` and `https://host:4440/live` are the same node. */
function urlKey(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
