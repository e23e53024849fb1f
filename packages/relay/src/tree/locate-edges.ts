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
  const count = options.count ?? DEFAULT_COUNT;
  const edges = newestPerUrl(nodes).filter((node) => node.tier >= EDGE_TIER && !node.draining);
  const home = edges.filter((node) => node.region === options.region);
  if (home.length === 0) return takeBest(edges, count, options);
  const abroad = edges.filter((node) => node.region !== options.region);
  // The last one stands elsewhere: when a region is lost, the list is all that its viewers have at first.
  const near = takeBest(home, abroad.length > 0 ? Math.max(1, count - 1) : count, options);
  return [...near, ...takeBest(abroad, count - near.length, options)];
}

interface Rated<T> {
  readonly edge: T;
  readonly room: number;
  readonly score: number;
}

/** Those with room by rendezvous, then busy ones, then full ones; the best few, without sorting all. */
function takeBest<T extends PlacedNode>(
  edges: readonly T[],
  count: number,
  options: LocateEdgesOptions,
): T[] {
  const best: Rated<T>[] = [];
  if (count <= 0) return [];
  for (const rated of rate(edges, options)) {
    let place = best.length;
    while (place > 0 && isBetter(rated, best[place - 1])) place -= 1;
    if (place >= count) continue;
    best.splice(place, 0, rated);
    if (best.length > count) best.pop();
  }
  return best.map(({ edge }) => edge);
}

function isBetter(a: Rated<PlacedNode>, b: Rated<PlacedNode> | undefined): boolean {
  if (b === undefined) return true;
  return (a.room - b.room || b.score - a.score || a.edge.id - b.edge.id) < 0;
}

function rate<T extends PlacedNode>(edges: readonly T[], options: LocateEdgesOptions): Rated<T>[] {
  const largest = MAX_SIZE_FACTOR * medianOf(edges.map((edge) => edge.load.maxSessions));
  let total = 1;
  let size = 0;
  const sizes = edges.map((edge) => {
    const weight = Math.max(1, Math.min(edge.load.maxSessions, largest));
    size += weight;
    // Nor may one that makes its load up raise what all others are thought to carry.
    total += Math.min(sessionsOf(edge, options), largest);
    return weight;
  });
  const key = hashKey(options.viewer);
  const bound = options.bound ?? LOAD_BOUND;
  return edges.map((edge, index) => {
    const weight = sizes[index] ?? 1;
    const share = Math.ceil((bound * total * weight) / size);
    return {
      edge,
      room: roomOf(edge, sessionsOf(edge, options), share),
      score: weightedScore(key, edge.id, weight),
    };
  });
}

/** 0 = has room, 1 = has more than its share, 2 = can hardly keep up, 3 = is full, 4 = has nothing to serve. */
function roomOf(edge: PlacedNode, sessions: number, share: number): number {
  if (edge.ready === false) return 4;
  if (sessions >= edge.load.maxSessions) return 3;
  if (edge.load.utilization > BUSY_UTILIZATION) return 2;
  return sessions < share ? 0 : 1;
}

function sessionsOf(edge: PlacedNode, options: LocateEdgesOptions): number {
  return Math.max(0, edge.load.sessions) + (options.underway?.get(edge.id) ?? 0);
}

function medianOf(values: readonly number[]): number {
  const [first = 1] = values;
  // As most deployments are.
  if (values.every((value) => value === first)) return first;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 1;
}
