/** What placing needs to know of a node; the registry's records have it. */
export interface PlacedNode {
  /** Hop id: the node's identity. */
  readonly id: number;
  /** 0 for an origin, 1 for a relay, 2 and more for edges. */
  readonly tier: number;
  /** "" = none given, which is a region like any other. */
  readonly region: string;
  /** `https://host:port`. */
  readonly url: string;
  /** On its way out: nobody new is sent there. */
  readonly draining: boolean;
  /** False: it can serve nobody at the moment. */
  readonly ready?: boolean | undefined;
  readonly load: NodeLoad;
  readonly startedAtMs: number;
}

/** As the node says it of itself: never trusted to attract more than a share. */
export interface NodeLoad {
  readonly sessions: number;
  readonly maxSessions: number;
  /** Event loop, 0 to 1. */
  readonly utilization: number;
}
