import type { PlacedNode } from "./placed-node.ts";
import { compareByRendezvous, hashKey } from "./rendezvous.ts";

export interface SelectParentsOptions {
  /** The node that looks for parents. */
  readonly self: Pick<PlacedNode, "id" | "tier" | "region" | "url">;
  /** Links that one node keeps to relays. Default 16. */
  readonly maxParents?: number;
  /** Below this, nodes of the next best kind are added, so that the second way is there before it is needed. Default 2. */
  readonly minParents?: number;
  /** Links that one node keeps to origins: a broadcast enters at one of them, so that all are needed. Default 64. */
  readonly maxOrigins?: number;
  /** Nodes that do not answer now: they are wanted as before, but do not count as being there. */
  readonly unreachable?: ReadonlySet<number>;
}

export interface SelectedParent<T extends PlacedNode = PlacedNode> {
  readonly node: T;
  /** How far from what is wished for, 0 = the next tier up in the same region. Routes by a lower one come first. */
  readonly rank: number;
}

/** Added to the rank of nodes that are on their way out. */
export const DRAINING_RANK = 1_000;

const MAX_URL_CHARACTERS = 2_048;
const DEFAULTS = { maxParents: 16, minParents: 2, maxOrigins: 64 };

/**
 * The nodes that one keeps links to: all live ones of the next tier up in its own region. Where there are none the
 * other regions' stand in, and where there are none at all those of the tier above that, up to the origins. Of more
 * than one may link to, the best by rendezvous of the two nodes' ids, so that children spread. Records come from
 * outside: what cannot be a parent (a child or sibling, the node itself, a broken url) is passed over.
 */
export function selectParents<T extends PlacedNode>(
  nodes: Iterable<T>,
  options: SelectParentsOptions,
): SelectedParent<T>[] {
  const { self, unreachable } = options;
  const limits = { ...DEFAULTS, ...withoutUndefined(options) };
  const selected: SelectedParent<T>[] = [];
  let reachable = 0;
  for (const [rank, members] of rankCandidates(nodes, self)) {
    if (reachable >= limits.minParents) break;
    const areOrigins = members[0]?.tier === 0;
    const room = areOrigins ? limits.maxOrigins : limits.maxParents;
    // Spare parents of a further kind are few; those that carry the load, and origins, are all that there are.
    const wanted = areOrigins || reachable === 0 ? room : limits.minParents - reachable;
    let taken = 0;
    // Whatever does not answer is tried beside the others, but no crowd of it.
    for (const node of members.slice(0, 2 * room)) {
      if (taken >= wanted) break;
      selected.push({ node, rank: node.draining ? rank + DRAINING_RANK : rank });
      if (node.draining || unreachable?.has(node.id) === true) continue;
      taken += 1;
      reachable += 1;
    }
  }
  return selected.sort((a, b) => a.rank - b.rank);
}

/** Candidates by how well they fit, best kind first; within a kind by rendezvous, those that stay before those that go. */
function rankCandidates<T extends PlacedNode>(
  nodes: Iterable<T>,
  self: SelectParentsOptions["self"],
): [number, T[]][] {
  const ranks = new Map<number, T[]>();
  for (const node of nodes) {
    if (!mayBeParent(node, self)) continue;
    const tiersAway = self.tier - 1 - node.tier;
    // Origins of all regions are one kind: each has broadcasts that the others do not have.
    const abroad = node.tier > 0 && node.region !== self.region ? 1 : 0;
    const rank = 2 * tiersAway + abroad;
    const members = ranks.get(rank);
    if (members === undefined) ranks.set(rank, [node]);
    else members.push(node);
  }
  const key = hashKey(String(self.id));
  for (const members of ranks.values()) {
    members.sort((a, b) => Number(a.draining) - Number(b.draining) || compareByRendezvous(key, a.id, b.id));
  }
  return [...ranks].sort(([a], [b]) => a - b);
}

/**
 * Two records may have one address: of a node that was started again, or by a mistake. Both stay: whose it is shows when
 * it is dialled, while the newer one may be the wrong one.
 */
function mayBeParent(node: PlacedNode, self: SelectParentsOptions["self"]): boolean {
  if (node.id === self.id || node.url === self.url) return false;
  return node.tier >= 0 && node.tier < self.tier && isSessionUrl(node.url);
}

/** Something that a session can be dialled at. */
export function isSessionUrl(url: string): boolean {
  return url.startsWith("https://") && url.length <= MAX_URL_CHARACTERS && URL.canParse(url);
}

function withoutUndefined(options: SelectParentsOptions): Partial<typeof DEFAULTS> {
  const { maxParents, minParents, maxOrigins } = options;
  return {
    ...(maxParents !== undefined && { maxParents }),
    ...(minParents !== undefined && { minParents }),
    ...(maxOrigins !== undefined && { maxOrigins }),
  };
}
