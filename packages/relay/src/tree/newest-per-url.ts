import type { PlacedNode } from "./placed-node.ts";

/**
 * Of several records with one address the newest: a node that is started again has another id, and its former record
 * stays until the registry notices. Both times come from the clock of the same machine.
 */
export function newestPerUrl<T extends PlacedNode>(nodes: Iterable<T>): T[] {
  const byUrl = new Map<string, T>();
  for (const node of nodes) {
    const other = byUrl.get(node.url);
    if (other === undefined || other.startedAtMs < node.startedAtMs) byUrl.set(node.url, node);
  }
  return [...byUrl.values()];
}
