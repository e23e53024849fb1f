/** What the nodes of a deployment know of each other. Never on the way of the media: all of it may be away. */

export type NodeRole = "origin" | "relay" | "edge";

export interface NodeLoad {
  /** Open sessions, and how many the node lets in. */
  readonly sessions: number;
  readonly maxSessions: number;
  /** Busy share of the event loop, 0 to 1. */
  readonly utilization: number;
  readonly sentBytesPerSecond: number;
}

/** A node that feeds another one. */
export interface NodeParent {
  readonly id: number;
  readonly rttMs: number;
  /** Tracks that are asked from it. */
  readonly subscriptions: number;
}

export interface NodeRecord {
  /** The node's hop id, 1 to 2^53 - 1; its identity. */
  readonly id: number;
  readonly name: string;
  readonly role: NodeRole;
  /** Place in the tree: 0 origin, 1 relay, 2 edge. */
  readonly tier: number;
  /** "" = none given. */
  readonly region: string;
  /** `https://host:port`: what children and viewers dial (QUIC, WebTransport). */
  readonly url: string;
  /** `http(s)://host:port` of the same node. */
  readonly httpUrl: string;
  /** SHA-256 of a development certificate in hex: children pin it. */
  readonly parentSha256?: string;
  /** Takes no new sessions; will leave. */
  readonly draining: boolean;
  /** False: it can serve nobody at the moment, as an edge without a parent. Not given: it can. */
  readonly ready?: boolean;
  readonly load: NodeLoad;
  /** Who feeds it now: for people. Nothing is decided by it. Absent where it is not told. */
  readonly parents?: readonly NodeParent[];
  /** Milliseconds since the Unix epoch by the node's own clock: for people. Nothing is decided by it. */
  readonly startedAtMs: number;
}

export interface BroadcastRecord {
  readonly path: string;
  /** The origin that it enters at. */
  readonly nodeId: number;
  /** Rises with every change of owner: of two records of a path the one with the higher epoch is true. */
  readonly epoch: number;
  readonly startedAtMs: number;
  /** False: its publisher is gone and may come back, here or at another origin. */
  readonly live: boolean;
}

/** The deployment as it was last known. One object stays as it is; a change makes a new one. */
export interface ClusterView {
  /** The nodes that are alive, this one among them once it is registered. */
  readonly nodes: ReadonlyMap<number, NodeRecord>;
  /** Broadcasts whose origin is alive. */
  readonly broadcasts: ReadonlyMap<string, BroadcastRecord>;
  /** When the registry was last read, milliseconds since the Unix epoch; 0 = never. */
  readonly atMs: number;
  /** The registry cannot be reached at the moment: nothing is known to have changed, nothing is taken away. */
  readonly stale: boolean;
}

export interface ClaimOptions {
  /** This node, which must be registered. */
  readonly nodeId: number;
  /** Takes the path from an origin that has it and is alive: the newest publisher wins. */
  readonly takeOver: boolean;
  /** Called once if the path is another origin's later on, `by` being that node's id. The claim is over then. */
  readonly onLost?: (by: number) => void;
}

/** A path that this node owns, or will own as soon as the registry is back. */
export interface BroadcastClaim {
  readonly path: string;
  /** 0 until the registry has agreed. */
  readonly epoch: number;
  /** Says whether there is a publisher. Without one the path is kept for it, but any origin may claim it. */
  setLive(live: boolean): void;
  /** Gives the path back. Idempotent; never rejects. */
  release(): Promise<void>;
}

export type ClaimResult =
  | { readonly kind: "claimed"; readonly claim: BroadcastClaim }
  /** A living origin has it. */
  | { readonly kind: "held"; readonly by: number }
  /** The registry is away: the caller goes on, and hears by `onLost` if that turns out to be wrong. */
  | { readonly kind: "unknown"; readonly claim: BroadcastClaim };

export interface ControlPlane extends AsyncDisposable {
  /** False: commands fail at the moment, and the view is stale. */
  readonly available: boolean;
  /**
   * Announces this node and goes on doing so; `read` is asked at every heartbeat. Resolves when it was tried once,
   * successfully or not.
   */
  register(read: () => NodeRecord): Promise<void>;
  /** Tells the others now what `read` says: for changes that should not wait for a heartbeat, such as a drain. */
  announce(): Promise<void>;
  /** Leaves at once instead of by silence, and gives all claims back. */
  deregister(): Promise<void>;
  /**
   * Asks for a path; one origin has it at a time. A path whose owner has fallen silent takes a second or two, because
   * the answer waits for the owner's next heartbeat. Never rejects.
   */
  claim(path: string, options: ClaimOptions): Promise<ClaimResult>;
  /** From memory. */
  view(): ClusterView;
  /** Calls `onChange` with the view after changes, several of them at once. Returns how to stop. */
  watch(onChange: (view: ClusterView) => void): () => void;
  /** Deregisters and closes the connection. Idempotent. */
  close(): Promise<void>;
}
