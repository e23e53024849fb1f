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
  return chooseEdges(findEdges(nodes), options);
}

/** Of all nodes the edges that viewers may be sent to. */
export function findEdges<T extends PlacedNode>(nodes: Iterable<T>): T[] {
  return newestPerUrl(nodes).filter((node) => node.tier >= EDGE_TIER && !node.draining);
}

/** As `locateEdges`, among edges that were found before: a crowd asks while nothing changes. */
export function chooseEdges<T extends PlacedNode>(edges: readonly T[], options: LocateEdgesOptions): T[] {
  const count = options.count ?? DEFAULT_COUNT;
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

/** Those with room by rendezvous, then busy ones, then full ones; the best few, without sorting or keeping all. */
function takeBest<T extends PlacedNode>(
  edges: readonly T[],
  count: number,
  options: LocateEdgesOptions,
): T[] {
  if (count <= 0 || edges.length === 0) return [];
  const largest = MAX_SIZE_FACTOR * medianSize(edges);
  let total = 1;
  let size = 0;
  for (const edge of edges) {
    size += weightOf(edge, largest);
    // Nor may one that makes its load up raise what all others are thought to carry.
    total += Math.min(sessionsOf(edge, options), largest);
  }
  const bound = options.bound ?? LOAD_BOUND;
  const key = hashKey(options.viewer);
  const best: Rated<T>[] = [];
  for (const edge of edges) {
    const weight = weightOf(edge, largest);
    const room = roomOf(edge, sessionsOf(edge, options), Math.ceil((bound * total * weight) / size));
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

function isBetter(
  edge: PlacedNode,
  room: number,
  score: number,
  other: Rated<PlacedNode> | undefined,
): boolean {
  if (other === undefined) return true;
  return (room - other.room || other.score - score || edge.id - other.edge.id) < 0;
}

function weightOf(edge: PlacedNode, largest: number): number {
  return Math.max(1, Math.min(edge.load.maxSessions, largest));
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

function medianSize(edges: readonly PlacedNode[]): number {
  const first = edges[0]?.load.maxSessions ?? 1;
  // As most deployments are.
  if (edges.every((edge) => edge.load.maxSessions === first)) return first;
  const sorted = edges.map((edge) => edge.load.maxSessions).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 1;
}
