import { asList, asNumber, asRecord, asText } from "./fetch-json.ts";
import { hostOf } from "./host-of.ts";

export type NodeRole = "origin" | "relay" | "edge";

export interface ParentPlace {
  readonly id: number | undefined;
  /** host:port that the node dials. */
  readonly host: string | undefined;
  readonly rttMs: number | undefined;
}

/** A node and where it stands in the tree, as it or the control plane tells. */
export interface NodePlace {
  readonly id: number | undefined;
  readonly name: string | undefined;
  readonly role: NodeRole | undefined;
  readonly tier: number | undefined;
  readonly region: string | undefined;
  /** host:port that children dial; undefined if nobody has told the node. */
  readonly host: string | undefined;
  /** Base URL of its HTTP, without a trailing slash. */
  readonly httpUrl: string | undefined;
  readonly draining: boolean;
  readonly load: NodeLoad | undefined;
  /** Those that feed it now. */
  readonly parents: readonly ParentPlace[];
}

export interface NodeLoad {
  readonly sessions: number;
  readonly maxSessions: number | undefined;
  /** 0 to 1. */
  readonly utilization: number | undefined;
}

export interface Topology {
  readonly self: NodePlace;
  /** All nodes of the deployment; undefined where nodes do not know of each other. */
  readonly cluster: readonly NodePlace[] | undefined;
  /** The control plane does not answer: the cluster is what was last known. */
  readonly stale: boolean;
}

/** Reads the answer of `GET /v1/topology`; whatever is missing or wrong is unknown. */
export function parseTopology(value: unknown): Topology {
  const record = asRecord(value);
  const cluster = asRecord(record?.cluster);
  const self = parsePlace(record?.self);
  // What the node says of itself alone is older, and tells of its links in the words of the tree.
  const parents = self.parents.length > 0 ? self.parents : ownParents(record);
  return {
    self: {
      ...self,
      id: self.id ?? asNumber(record?.originId),
      name: self.name ?? asText(record?.name),
      tier: self.tier ?? asNumber(record?.tier),
      parents,
    },
    cluster: cluster && asList(cluster.nodes).map(parsePlace),
    stale: cluster?.stale === true,
  };
}

function parsePlace(value: unknown): NodePlace {
  const record = asRecord(value);
  const load = asRecord(record?.load);
  const role = asText(record?.role);
  return {
    id: asNumber(record?.id),
    name: asText(record?.name),
    role: role === "origin" || role === "relay" || role === "edge" ? role : undefined,
    tier: asNumber(record?.tier),
    region: asText(record?.region),
    host: hostOf(asText(record?.url)),
    httpUrl: asText(record?.httpUrl)?.replace(/\/+$/, ""),
    draining: record?.draining === true,
    load: load && {
      sessions: asNumber(load.sessions) ?? 0,
      maxSessions: asNumber(load.maxSessions),
      utilization: asNumber(load.utilization),
    },
    parents: asList(record?.parents).map(parseParent),
  };
}

function ownParents(record: Readonly<Record<string, unknown>> | undefined): readonly ParentPlace[] {
  const linked = asList(record?.parents).filter((entry) => asRecord(entry)?.connected !== false);
  const feeding = linked.filter((entry) => (asNumber(asRecord(entry)?.subscriptions) ?? 0) > 0);
  if (feeding.length > 0) return feeding.map(parseParent);
  if (asRecord(record?.parent) !== undefined) return [parseParent(record?.parent)];
  return linked.slice(0, 1).map(parseParent);
}

function parseParent(value: unknown): ParentPlace {
  const record = asRecord(value);
  return {
    id: asNumber(record?.id) ?? asNumber(record?.originId),
    host: hostOf(asText(record?.url)),
    rttMs: asNumber(record?.rttMs),
  };
}
