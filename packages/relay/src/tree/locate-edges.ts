import { newestPerUrl } from "./newest-per-url.ts";
import { LOAD_BOUND } from "./place-broadcasts.ts";
import type { PlacedNode } from "./placed-node.ts";
import { hashKey, weightedScore } from "./rendezvous.ts";

export interface LocateEdgesOptions {
  /** Spreads viewers: the same key finds the same edges. */
  readonly viewer: string;
  /** Its edges come first; undefined = wherever. */
  readonly region?: string | undefined;
  /** Edges to name. Default 3. */
  readonly count?: number;
  /** Viewers who were sent to an edge and whom its record does not show yet. */
  readonly underway?: ReadonlyMap<number, number>;
  readonly bound?: number;
}

const DEFAULT_COUNT = 3;
/** Tier from which on viewers arrive. */
export const EDGE_TIER = 2;
/** An edge whose event loop has no more time than this left serves those whom it has. */
const BUSY_UTILIZATION = 0.9;
/** What a node says of its size counts up to this many times the median: a node that boasts gets no more than that. */
const MAX_SIZE_FACTOR = 4;

/**
 * The edges for one viewer, best first: those of the region before one of another, by rendezvous of the viewer and the
 * edge's size, passing over edges that have more than 1.25 times their share. Loads are those that the edges tell: one
 * that says it is idle gets its share all the same and what others overflow by, never all viewers; one that says it is
 * full gets none. Edges that leave are not named; those that are full, or have no parent, only if there are no others.
 */
export function locateEdges<T extends PlacedNode>(nodes: Iterable<T>, options: LocateEdgesOptions): T[] {
  return new EdgeChoice(nodes, options.underway).choose(options);
}

/** As `locateEdges` for many viewers, who ask while nothing changes: what is the same for all is read once. */
export class EdgeChoice<T extends PlacedNode> {
  private readonly candidates: readonly Candidate<T>[];
  /** Those that were asked for so far. */
  private readonly regions = new Map<string | undefined, Region<T>>();

  /** `underway`: as in `LocateEdgesOptions`. */
  constructor(nodes: Iterable<T>, underway?: ReadonlyMap<number, number>) {
    this.candidates = newestPerUrl(nodes)
      .filter((node) => node.tier >= EDGE_TIER && !node.draining)
      .map((edge) => ({ edge, sessions: Math.max(0, edge.load.sessions) + (underway?.get(edge.id) ?? 0) }));
  }

  /** Best first. */
  choose(viewer: Omit<LocateEdgesOptions, "underway">): T[] {
    const { count = DEFAULT_COUNT, bound = LOAD_BOUND } = viewer;
    const key = hashKey(viewer.viewer);
    const { home, abroad } = this.regionOf(viewer.region);
    // The last one stands elsewhere: when a region is lost, the list is all that its viewers have at first.
    const atHome = home.isEmpty || abroad.isEmpty ? count : Math.max(1, count - 1);
    const near = home.takeBest(key, atHome, bound);
    return [...near, ...abroad.takeBest(key, count - near.length, bound)];
  }

  /** A viewer is on the way to this edge, whose record does not show it yet. */
  addUnderway(id: number): void {
    const candidate = this.candidates.find(({ edge }) => edge.id === id);
    if (candidate !== undefined) candidate.sessions += 1;
  }

  private regionOf(name: string | undefined): Region<T> {
    const known = this.regions.get(name);
    if (known !== undefined) return known;
    const isHome = ({ edge }: Candidate<T>): boolean => edge.region === name;
    const region = {
      home: new EdgeGroup(this.candidates.filter(isHome)),
      abroad: new EdgeGroup(this.candidates.filter((candidate) => !isHome(candidate))),
    };
    this.regions.set(name, region);
    return region;
  }
}

interface Candidate<T> {
  readonly edge: T;
  /** With those who are on their way. */
  sessions: number;
}

interface Region<T extends PlacedNode> {
  readonly home: EdgeGroup<T>;
  readonly abroad: EdgeGroup<T>;
}

interface Rated<T> {
  readonly edge: T;
  readonly room: number;
  readonly score: number;
}

/** Edges that share the viewers who are sent to one of them. */
class EdgeGroup<T extends PlacedNode> {
  private readonly candidates: readonly Candidate<T>[];
  /** What counts of each one's size, and of all. */
  private readonly weights: readonly number[];
  private readonly size: number;
  private readonly largest: number;

  constructor(candidates: readonly Candidate<T>[]) {
    this.candidates = candidates;
    this.largest = MAX_SIZE_FACTOR * medianSize(candidates.map(({ edge }) => edge));
    this.weights = candidates.map(({ edge }) => Math.max(1, Math.min(edge.load.maxSessions, this.largest)));
    this.size = this.weights.reduce((sum, weight) => sum + weight, 0);
  }

  get isEmpty(): boolean {
    return this.candidates.length === 0;
  }

  /** Those with room by rendezvous, then busy ones, then full ones; the best few, without sorting or keeping all. */
  takeBest(key: number, count: number, bound: number): T[] {
    if (count <= 0 || this.isEmpty) return [];
    const total = this.countSessions();
    const best: Rated<T>[] = [];
    for (const [index, { edge, sessions }] of this.candidates.entries()) {
      const weight = this.weights[index] ?? 1;
      const room = roomOf(edge, sessions, Math.ceil((bound * total * weight) / this.size));
      const last = best.length < count ? undefined : best[count - 1];
      if (last !== undefined && room > last.room) continue;
      const score = weightedScore(key, edge.id, weight);
      if (last !== undefined && !isBetter(edge, room, score, last)) continue;
      let place = best.length;
      while (place > 0 && isBetter(edge, room, score, best[place - 1])) place -= 1;
      best.splice(place, 0, { edge, room, score });
      if (best.length > count) best.pop();
    }
    return best.map(({ edge }) => edge);
  }

  /** With the viewer who is sent to one of them now. */
  private countSessions(): number {
    let total = 1;
    // One that makes its load up may not raise what all others are thought to carry.
    for (const { sessions } of this.candidates) total += Math.min(sessions, this.largest);
    return total;
  }
}

function isBetter(
  edge: PlacedNode,
  room: number,
  score: number,
  other: Rated<PlacedNode> | undefined,
): boolean {
  if (other === undefined) return true;
  return (room - other.room || other.score - score || edge.id - other.edge.id) < 0;
}

/** 0 = has room, 1 = has more than its share, 2 = can hardly keep up, 3 = is full, 4 = has nothing to serve. */
function roomOf(edge: PlacedNode, sessions: number, share: number): number {
  if (edge.ready === false) return 4;
  if (sessions >= edge.load.maxSessions) return 3;
  if (edge.load.utilization > BUSY_UTILIZATION) return 2;
  return sessions < share ? 0 : 1;
}

function medianSize(edges: readonly PlacedNode[]): number {
  const first = edges[0]?.load.maxSessions ?? 1;
  // As most deployments are.
  if (edges.every((edge) => edge.load.maxSessions === first)) return first;
  const sorted = edges.map((edge) => edge.load.maxSessions).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 1;
}
