import type { BroadcastClaim, ControlPlane, Logger } from "@canopy/runtime";
import { OriginError } from "../origin-error.ts";
import type { BroadcastIngest } from "./broadcast-ingest.ts";

export interface PathClaimsOptions {
  /** This node, as the control plane knows it. */
  readonly nodeId: number;
  /** A publisher who arrives here ends the broadcast of the same path at another origin. */
  readonly takeOver: boolean;
}

export interface PathClaimsDeps {
  readonly controlPlane: Pick<ControlPlane, "claim">;
  readonly logger: Logger;
  /** The path is another origin's: ends the broadcast here, and tells its publisher why. */
  readonly yieldPath: (ingest: BroadcastIngest, error: OriginError) => void;
}

/**
 * One origin has a path at a time, though publishers may arrive at any. A publisher is let in first and the path
 * claimed beside it, so that nobody waits for the registry, and so that publishing goes on while that is away; what
 * turns out to be another's is given up.
 */
export class PathClaims {
  readonly #options: PathClaimsOptions;
  readonly #deps: PathClaimsDeps;
  readonly #claims = new Map<BroadcastIngest, BroadcastClaim>();
  /** Broadcasts that have not ended. */
  readonly #open = new Set<BroadcastIngest>();

  constructor(options: PathClaimsOptions, deps: PathClaimsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get size(): number {
    return this.#open.size;
  }

  onStarted(ingest: BroadcastIngest): void {
    this.#open.add(ingest);
    // It never rejects.
    void this.#claim(ingest);
  }

  async #claim(ingest: BroadcastIngest): Promise<void> {
    const { nodeId, takeOver } = this.#options;
    const { path } = ingest;
    const result = await this.#deps.controlPlane.claim(path, {
      nodeId,
      takeOver,
      onLost: (by) => this.#lost(ingest, by),
    });
    if (result.kind === "held") {
      this.#lost(ingest, result.by);
      return;
    }
    if (!this.#open.has(ingest)) {
      await result.claim.release();
      return;
    }
    this.#claims.set(ingest, result.claim);
    result.claim.setLive(ingest.connected);
  }

  #lost(ingest: BroadcastIngest, by: number): void {
    this.#claims.delete(ingest);
    if (!this.#open.delete(ingest)) return;
    const { path } = ingest;
    const code = this.#options.takeOver ? "taken-over" : "broadcast-in-use";
    this.#deps.logger.info({ broadcast: path, by, code }, "the path is another origin's");
    this.#deps.yieldPath(ingest, new OriginError(code, `${path} is being published at another origin.`));
  }

  /** Its publisher came back, or is gone and may come back: meanwhile any origin may have the path. */
  onPublisher(ingest: BroadcastIngest, connected: boolean): void {
    this.#claims.get(ingest)?.setLive(connected);
  }

  onEnded(ingest: BroadcastIngest): void {
    this.#open.delete(ingest);
    const claim = this.#claims.get(ingest);
    this.#claims.delete(ingest);
    // It never rejects.
    void claim?.release();
  }
}
