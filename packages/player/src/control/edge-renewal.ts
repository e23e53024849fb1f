import type { EdgeList } from "./edge-list.ts";

/** After a change of edge the list holds one that is gone, and perhaps more: at least this long, and as much at random. */
const DELAY_MS = 1_000;

export interface EdgeRenewalDeps {
  readonly random: () => number;
  readonly edges: EdgeList;
  readonly signal: AbortSignal;
  /** The edge in use. */
  readonly src: () => string;
  /** The session in use; undefined on the way to another edge: whoever is counts its place in the list that is. */
  readonly session: () => number | undefined;
  /** The list is another one now, with the edge in use as its first. */
  readonly onRenewed: () => void;
}

/** Asks for the edges to fall back to next while there is one: who is left of the last answer may be gone, too. */
export class EdgeRenewal {
  readonly #deps: EdgeRenewalDeps;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deps: EdgeRenewalDeps) {
    this.#deps = deps;
  }

  soon(): void {
    this.stop();
    if (this.#deps.edges.ask === undefined) return;
    this.#timer = setTimeout(() => void this.#renew(), DELAY_MS * (1 + this.#deps.random()));
  }

  /** Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  async #renew(): Promise<void> {
    const { edges, signal, src, session, onRenewed } = this.#deps;
    const now = session();
    const isSettled = (): boolean => now !== undefined && session() === now && !signal.aborted;
    if (isSettled() && (await edges.renewAround(src(), signal, isSettled))) onRenewed();
  }
}
