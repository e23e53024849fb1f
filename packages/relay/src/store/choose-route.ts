import type { Route } from "./route.ts";

/**
 * The best of a path's routes: live before lingering, what is published here before all others, then the parent of
 * the lowest rank, then the fewest hops, then the lowest hash of path and hop ids (so that the nodes of one tier do
 * not all pick the same parent), then the first (digest §3.1).
 */
export function chooseRoute(routes: readonly Route[]): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (best === undefined || compareRoutes(route, best) < 0) best = route;
  }
  return best;
}

/**
 * The routes that a broadcast may change to. As long as its incarnation is live that is not given up for another one,
 * however near: a second publisher of a path, whom another origin has let in and may send away again, must not end
 * what viewers see.
 */
export function candidateRoutes(routes: readonly Route[], current: Route): readonly Route[] {
  if (routes.length < 2) return routes;
  const same = routes.filter(
    (route) => route.lingerUntilMs === 0 && (route.hops.length === 0 || sameIncarnation(route, current)),
  );
  return same.length > 0 ? same : routes;
}

/** The routes by several parents that are as good as `best`, for a placement to decide between. */
export function equalRoutes(routes: readonly Route[], best: Route): Route[] {
  return routes.filter(
    (route) =>
      route === best ||
      (route.parent !== undefined &&
        compareKind(route, best) === 0 &&
        // Another incarnation is another broadcast: which one is meant is no matter of load.
        sameIncarnation(route, best)),
  );
}

/** Negative if `a` is better; 0 if both are equally good. */
export function compareRoutes(a: Route, b: Route): number {
  const kind = compareKind(a, b);
  if (kind !== 0 || a.hops.length === 0) return kind;
  return hashRoute(a.path, a.hops) - hashRoute(b.path, b.hops);
}

function compareKind(a: Route, b: Route): number {
  const lingering = Number(a.lingerUntilMs !== 0) - Number(b.lingerUntilMs !== 0);
  if (lingering !== 0) return lingering;
  const local = Number(b.hops.length === 0) - Number(a.hops.length === 0);
  if (local !== 0) return local;
  return (a.parent?.rank ?? 0) - (b.parent?.rank ?? 0) || a.hops.length - b.hops.length;
}

/**
 * True if both lead to the same incarnation of a broadcast: the same non-zero first hop, or both local
 * (digest §1.5). Then subscriptions carry on across a change of route.
 */
export function sameIncarnation(a: Route, b: Route): boolean {
  if (a.hops.length === 0 || b.hops.length === 0) return a.hops.length === b.hops.length;
  return a.hops[0] === b.hops[0] && a.hops[0] !== 0;
}

/** True if the peers of this node need not be told of the change from one to the other. */
export function sameWay(a: Route, b: Route): boolean {
  if (a.via !== b.via || a.hops.length !== b.hops.length) return false;
  return a.hops.every((hop, index) => hop === b.hops[index]);
}

/** 32-bit FNV-1a over the path's UTF-16 code units and the hop ids in two halves. */
export function hashRoute(path: string, hops: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < path.length; index += 1) {
    hash = Math.imul(hash ^ path.charCodeAt(index), 0x01000193);
  }
  for (const hop of hops) {
    hash = Math.imul(hash ^ (hop >>> 0), 0x01000193);
    hash = Math.imul(hash ^ Math.floor(hop / 0x1_0000_0000), 0x01000193);
  }
  return hash >>> 0;
}
