/** This node's place in the tree and its load, as it is shown at `GET /v1/topology`. */
export interface Topology {
  readonly originId: number;
  readonly name: string;
  readonly tier: number | undefined;
  /** Null on an origin, and while no parent is connected. */
  readonly parent: { readonly url: string; readonly rttMs: number } | null;
  /** All of them, where a node is linked to several; `parent` is the first of those connected. */
  readonly parents?: readonly TopologyParent[];
  readonly sessions: number;
  /** Native QUIC peers: child nodes and native tools. */
  readonly children: readonly TopologyChild[];
  readonly subscriptions: { readonly upstream: number; readonly downstream: number };
  readonly cacheBytes: number;
  readonly broadcasts: readonly TopologyBroadcast[];
}

export interface TopologyParent {
  readonly originId: number;
  readonly url: string;
  readonly connected: boolean;
  /** 0 = the next tier up in the node's own region; higher ones stand in for those. */
  readonly rank: number;
  readonly rttMs: number;
  /** Tracks that are asked from this parent. */
  readonly subscriptions: number;
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
