import type { Route } from "../store/route.ts";
import type { RoutePlacement } from "../store/store.ts";
import { pickParent, placeBroadcasts, shareOf } from "./place-broadcasts.ts";
import { hashKey } from "./rendezvous.ts";

export interface BroadcastPlacementOptions {
  /** How long after parents came or went, or a broadcast began or ended, what flows is moved to where all nodes would have it. */
  readonly settleMs: number;
  /** Added to it, times a random number, so that the children of one parent do not all move at once. */
  readonly spreadMs: number;
  /** Broadcasts that are moved in one second. */
  readonly movesPerSecond: number;
}

export const DEFAULT_PLACEMENT: BroadcastPlacementOptions = {
  // A node that is started again comes and goes within this.
  settleMs: 5_000,
  spreadMs: 5_000,
  movesPerSecond: 5,
};

export interface BroadcastPlacementDeps {
  /** In [0, 1). */
  readonly random: () => number;
  readonly nowMs: () => number;
}

interface Placed {
  readonly key: number;
  /** The equally good parents, by id. */
  parents: readonly number[];
  /** The one it is taken from. */
  parent: number;
}

/**
 * Where a node takes each broadcast from among equally good parents. At once: the parent that rendezvous with bounded
 * load gives a broadcast that is new, that nobody follows, or whose parent is gone. Later, and slowly: what flows by
 * another parent than `placeBroadcasts` would give it, since parents joined or broadcasts came in another order.
 */
export class BroadcastPlacement implements RoutePlacement {
  private readonly options: BroadcastPlacementOptions;
  private readonly deps: BroadcastPlacementDeps;
  private readonly broadcasts = new Map<string, Placed>();
  /** Broadcasts that are taken from each parent. */
  private readonly loads = new Map<number, number>();
  /** Broadcasts that each parent could give. */
  private readonly offers = new Map<number, number>();
  /** When what has changed is looked at; undefined = nothing has. */
  private reviewAtMs: number | undefined;
  private moves: { readonly path: string; readonly to: number }[] = [];
  private nextMoveAtMs = 0;

  constructor(options: BroadcastPlacementOptions, deps: BroadcastPlacementDeps) {
    this.options = options;
    this.deps = deps;
  }

  /** Parent that a broadcast is taken from. */
  parentOf(path: string): number | undefined {
    return this.broadcasts.get(path)?.parent;
  }

  choose(path: string, equals: readonly Route[], inUse: boolean): Route | undefined {
    const placed = this.broadcasts.get(path);
    if (placed !== undefined && equals.some(({ parent }) => parent?.id === placed.parent)) {
      if (this.sameParents(placed.parents, equals)) return routeBy(placed.parent, equals);
      if (inUse) {
        this.update(path, placed, idsOf(equals), placed.parent);
        return routeBy(placed.parent, equals);
      }
    }
    const parents = idsOf(equals);
    const key = placed?.key ?? hashKey(path);
    if (placed !== undefined) this.forget(path);
    for (const id of parents) bump(this.offers, id, 1);
    const capacity = shareOf(this.broadcasts.size + 1, this.offers.size);
    const parent = pickParent(key, parents, this.loads, capacity) ?? 0;
    bump(this.loads, parent, 1);
    this.broadcasts.set(path, { key, parents, parent });
    this.changed();
    return routeBy(parent, equals);
  }

  private update(path: string, placed: Placed, parents: readonly number[], parent: number): void {
    for (const id of placed.parents) bump(this.offers, id, -1);
    for (const id of parents) bump(this.offers, id, 1);
    bump(this.loads, placed.parent, -1);
    bump(this.loads, parent, 1);
    this.broadcasts.set(path, { key: placed.key, parents, parent });
    // A parent that has just come has not told everything yet, and may be gone again.
    this.reviewAtMs = undefined;
    this.changed();
  }

  forget(path: string): void {
    const placed = this.broadcasts.get(path);
    if (placed === undefined) return;
    this.broadcasts.delete(path);
    for (const id of placed.parents) bump(this.offers, id, -1);
    bump(this.loads, placed.parent, -1);
    this.changed();
  }

  private sameParents(parents: readonly number[], equals: readonly Route[]): boolean {
    return (
      parents.length === equals.length && equals.every(({ parent }) => parents.includes(parent?.id ?? 0))
    );
  }

  /** Broadcasts that come and go all the time do not put the review off for ever. */
  private changed(): void {
    const { settleMs, spreadMs } = this.options;
    this.reviewAtMs ??= this.deps.nowMs() + settleMs + this.deps.random() * spreadMs;
  }

  /** Paths whose placement has just changed: the store is to reconsider them. To be called some times a second. */
  tick(nowMs: number): readonly string[] {
    if (this.reviewAtMs !== undefined && nowMs >= this.reviewAtMs) this.review();
    if (this.moves.length === 0 || nowMs < this.nextMoveAtMs) return [];
    this.nextMoveAtMs = nowMs + 1_000;
    const moved: string[] = [];
    for (const { path, to } of this.moves.splice(0, this.options.movesPerSecond)) {
      const placed = this.broadcasts.get(path);
      if (placed === undefined || !placed.parents.includes(to)) continue;
      bump(this.loads, placed.parent, -1);
      bump(this.loads, to, 1);
      placed.parent = to;
      moved.push(path);
    }
    return moved;
  }

  private review(): void {
    this.reviewAtMs = undefined;
    const { broadcasts } = this;
    const ideal = placeBroadcasts([...broadcasts].map(([path, { parents }]) => ({ path, parents })));
    this.moves = [];
    for (const [path, to] of ideal) if (broadcasts.get(path)?.parent !== to) this.moves.push({ path, to });
  }
}

function idsOf(routes: readonly Route[]): number[] {
  return routes.flatMap(({ parent }) => (parent === undefined ? [] : [parent.id]));
}

function routeBy(id: number, routes: readonly Route[]): Route | undefined {
  return routes.find(({ parent }) => parent?.id === id);
}

function bump(counts: Map<number, number>, id: number, by: number): void {
  const count = (counts.get(id) ?? 0) + by;
  if (count > 0) counts.set(id, count);
  else counts.delete(id);
}
