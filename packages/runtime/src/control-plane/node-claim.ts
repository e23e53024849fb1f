import type { BroadcastClaim, ClaimOptions } from "./control-plane.ts";

export interface NodeClaimDeps {
  readonly setLive: (claim: NodeClaim) => void;
  readonly release: (claim: NodeClaim) => Promise<void>;
}

/** What this node wants of a path, and what the registry has agreed to. */
export class NodeClaim implements BroadcastClaim {
  readonly path: string;
  readonly startedAtMs: number;
  readonly #deps: NodeClaimDeps;
  options: ClaimOptions;
  epoch = 0;
  live = true;
  /** A question is on its way: what the registry shows meanwhile means nothing. */
  asked: Promise<unknown> | undefined;
  /** Given back or lost. */
  over = false;

  constructor(path: string, startedAtMs: number, options: ClaimOptions, deps: NodeClaimDeps) {
    this.path = path;
    this.startedAtMs = startedAtMs;
    this.options = options;
    this.#deps = deps;
  }

  setLive(live: boolean): void {
    if (this.over || this.live === live) return;
    this.live = live;
    this.#deps.setLive(this);
  }

  async release(): Promise<void> {
    if (this.over) return;
    this.over = true;
    await this.#deps.release(this);
  }
}
