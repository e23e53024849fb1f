import type { Clock } from "@canopy/runtime";
import { EdgeChoice } from "./locate-edges.ts";
import type { PlacedNode } from "./placed-node.ts";

/** What is told of an edge. */
export interface LocatableNode extends PlacedNode {
  readonly httpUrl: string;
  /** Hash of its development certificate in hex. */
  readonly parentSha256?: string | undefined;
}

export interface EdgeLocatorOptions {
  /** Region of the node that is asked: what a viewer means who names none. */
  readonly region: string;
}

export interface EdgeLocatorDeps {
  /** The last known nodes by id; another map whenever something has changed. */
  readonly nodes: () => ReadonlyMap<number, LocatableNode>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A viewer who was sent to an edge shows in that edge's record after this time. */
const UNDERWAY_MS = 2_000;

/**
 * Names edges to viewers. Records are a second or two old, and in that time thousands may ask: those who were sent
 * somewhere just now count as being there, so that a crowd does not meet at the edge that was idle a second ago.
 */
export class EdgeLocator {
  private readonly options: EdgeLocatorOptions;
  private readonly deps: EdgeLocatorDeps;
  /** Sent to each edge, in this span of time and in the one before. */
  private recent = new Map<number, number>();
  private before = new Map<number, number>();
  private turnAtMs = 0;
  /** What the map that was read last has of edges, and of regions: a crowd asks while nothing changes. */
  private read: ReadonlyMap<number, LocatableNode> | undefined;
  private edges = new EdgeChoice<LocatableNode>([]);
  private regions: ReadonlySet<string | undefined> = new Set();

  constructor(options: EdgeLocatorOptions, deps: EdgeLocatorDeps) {
    this.options = options;
    this.deps = deps;
  }

  /** Best first; empty while no edge is known. */
  locate(region: string | undefined): readonly LocatableNode[] {
    this.turn(this.deps.clock.nowMs());
    this.readNodes();
    const located = this.edges.choose({
      // Nobody is known again: what is hashed is the drawing of a lot.
      viewer: String(this.deps.random()),
      region: region !== undefined && this.regions.has(region) ? region : this.options.region,
    });
    const [first] = located;
    if (first !== undefined) {
      this.recent.set(first.id, (this.recent.get(first.id) ?? 0) + 1);
      this.edges.addUnderway(first.id);
    }
    return located;
  }

  private readNodes(): void {
    const nodes = this.deps.nodes();
    if (nodes === this.read) return;
    this.read = nodes;
    this.edges = new EdgeChoice(nodes.values(), this.underway());
    this.regions = new Set([...nodes.values()].map((node) => node.region));
  }

  private underway(): ReadonlyMap<number, number> {
    if (this.before.size === 0) return this.recent;
    const counts = new Map(this.before);
    for (const [id, count] of this.recent) counts.set(id, (counts.get(id) ?? 0) + count);
    return counts;
  }

  private turn(nowMs: number): void {
    const passedMs = nowMs - this.turnAtMs;
    if (passedMs < UNDERWAY_MS) return;
    this.before = passedMs < 2 * UNDERWAY_MS ? this.recent : new Map();
    this.recent = new Map();
    this.turnAtMs = nowMs;
    // Some are not on their way any more.
    this.read = undefined;
  }
}
