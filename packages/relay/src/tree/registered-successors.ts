import type { ClusterView } from "@canopy/runtime";
import type { Successor } from "./successor-ring.ts";

/** Nodes nearly full, or whose loop is busy beyond this, get nobody as long as there are others. */
const MAX_UTILIZATION = 0.9;

/**
 * The nodes that can take the sessions of one that stops: those of its tier, of its region if there are any, that
 * stay themselves and have room. Also from an old view: whoever is sent to a node that is gone finds another one.
 */
export function registeredSuccessors(
  view: ClusterView,
  self: { readonly id: number; readonly tier: number; readonly region: string },
): readonly Successor[] {
  const peers = [...view.nodes.values()].filter(
    ({ id, tier, draining }) => id !== self.id && tier === self.tier && !draining,
  );
  const near = peers.filter(({ region }) => region === self.region);
  const candidates = near.length > 0 ? near : peers;
  const idle = candidates.filter(({ load }) => load.utilization < MAX_UTILIZATION);
  return (idle.length > 0 ? idle : candidates)
    .map(({ url, load }) => ({ url, room: Math.max(0, load.maxSessions - load.sessions) }))
    .filter(({ room }) => room > 0);
}
