import type { SubscribeOptions } from "@canopy/protocol";

/** What a node asks of its source on behalf of all of a track's subscribers. */
export const NO_DEMAND: SubscribeOptions = {
  priority: 0,
  ordered: true,
  maxLatencyMs: 0,
  startGroup: undefined,
  endGroup: undefined,
};

/**
 * Merges one subscriber into the demand: the highest priority and latency win, `ordered` only if all agree
 * (digest §1.12). Returns `merged` itself when nothing changes, so that joining costs no allocation.
 * Group bounds are left out: the node always keeps up with the newest, and `startGroup` is set on resumption.
 */
export function mergeDemand(merged: SubscribeOptions, joined: SubscribeOptions): SubscribeOptions {
  const priority = Math.max(merged.priority, joined.priority);
  const ordered = merged.ordered && joined.ordered;
  const maxLatencyMs = Math.max(merged.maxLatencyMs, joined.maxLatencyMs);
  if (priority === merged.priority && ordered === merged.ordered && maxLatencyMs === merged.maxLatencyMs) {
    return merged;
  }
  return { priority, ordered, maxLatencyMs, startGroup: undefined, endGroup: undefined };
}
