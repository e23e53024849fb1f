import { compareByRendezvous, hashKey } from "./rendezvous.ts";

/** No parent gets more than this times its share of the broadcasts. */
export const LOAD_BOUND = 1.25;

/** One broadcast and the parents that have it, by node id. */
export interface PlacedBroadcast {
  readonly path: string;
  readonly parents: readonly number[];
}

/**
 * Which parent each broadcast is taken from: rendezvous hashing with bounded load (Mirrokni, Thorup, Zadimoghaddam
 * 2016). Pure, and the same for everybody who knows the same broadcasts and parents, so that all edges of a region
 * take a broadcast from the same relay and it enters the region once; one that comes or goes moves few others.
 */
export function placeBroadcasts(
  broadcasts: Iterable<PlacedBroadcast>,
  bound = LOAD_BOUND,
): Map<string, number> {
  const ordered = [...broadcasts].map((broadcast) => ({ ...broadcast, key: hashKey(broadcast.path) }));
  // In an order that has nothing to do with names or arrival, or the late ones would always be those displaced.
  ordered.sort((a, b) => a.key - b.key || (a.path < b.path ? -1 : 1));
  const loads = new Map<number, number>();
  for (const { parents } of ordered) for (const id of parents) loads.set(id, 0);
  const capacity = shareOf(ordered.length, loads.size, bound);
  const placed = new Map<string, number>();
  for (const { path, key, parents } of ordered) {
    const id = pickParent(key, parents, loads, capacity);
    if (id === undefined) continue;
    placed.set(path, id);
    loads.set(id, (loads.get(id) ?? 0) + 1);
  }
  return placed;
}

/** Broadcasts that one parent takes at most. */
export function shareOf(broadcasts: number, parents: number, bound = LOAD_BOUND): number {
  return parents === 0 ? 0 : Math.ceil((bound * broadcasts) / parents);
}

/** The parent that the key wants most among those with room; if none has room, the one with the fewest broadcasts. */
export function pickParent(
  keyHash: number,
  parents: readonly number[],
  loads: ReadonlyMap<number, number>,
  capacity: number,
): number | undefined {
  let best: number | undefined;
  let idlest: number | undefined;
  for (const id of parents) {
    const load = loads.get(id) ?? 0;
    if (idlest === undefined || load < (loads.get(idlest) ?? 0)) idlest = id;
    if (load >= capacity) continue;
    if (best === undefined || compareByRendezvous(keyHash, id, best) < 0) best = id;
  }
  return best ?? idlest;
}
