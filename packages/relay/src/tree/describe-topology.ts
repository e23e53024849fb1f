/** This node's place in the tree and its load, as it is shown at `GET /v1/topology`. */
export interface Topology {
  readonly originId: number;
  readonly name: string;
  readonly tier: number | undefined;
  /** Null on an origin, and while no parent is connected. */
  readonly parent: { readonly url: string; readonly rttMs: number } | null;
  readonly sessions: number;
  /** Native QUIC peers: child nodes and native tools. */
  readonly children: readonly TopologyChild[];
  readonly subscriptions: { readonly upstream: number; readonly downstream: number };
  readonly cacheBytes: number;
  readonly broadcasts: readonly TopologyBroadcast[];
}

/** A node that feeds this one. */
export interface TopologyParent {
  /** Hop id; absent while it is not known. */
  readonly id?: number;
  readonly url: string;
  readonly rttMs: number;
}

export interface TopologyChild {
  readonly originId: number | undefined;
  readonly address: string;
  readonly subscriptions: number;
}

export interface TopologyBroadcast {
  readonly path: string;
  /** Hop ids, origin first, without this node. */
  readonly hops: readonly number[];
  /** Its source is lost and may come back. */
  readonly lingering: boolean;
  readonly tracks: readonly { readonly name: string; readonly subscriptions: number }[];
}
