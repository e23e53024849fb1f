/** What this page uses of `<canopy-player>`. */
export interface CanopyPlayer extends HTMLElement {
  readonly state: string;
  readonly transport: string | undefined;
  readonly latencyMs: number | undefined;
  stats(): unknown;
}

export interface TimedDetail {
  readonly message: {
    readonly id: string;
    readonly type: string;
    /** µs since the Unix epoch. */
    readonly at: number;
    readonly data: unknown;
  };
  readonly mediaTimeUs: number;
  readonly source: string;
}

/** Attributes of the element that the page's query may set. */
export const PLAYER_ATTRIBUTES = [
  "broadcast",
  "transports",
  "websocket-mapping",
  "latency",
  "sync",
  "muted",
  "controls",
  "token",
  "locate",
  "region",
] as const;
