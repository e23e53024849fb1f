import type { Metrics } from "../metrics/metrics.ts";
import type { ClusterView, NodeRole } from "./control-plane.ts";
import type { BadRecordReason } from "./read-node-record.ts";

export interface ControlPlaneCounters {
  countCommand(kind: "ok" | "failed"): void;
  countClaim(kind: "claimed" | "held" | "unknown" | "lost"): void;
  countBadRecord(reason: BadRecordReason): void;
  withdraw(): void;
}

const ROLES: readonly NodeRole[] = ["origin", "relay", "edge"];

/** The metrics of one client; without `metrics` nothing is counted, as for the hundreds of a simulation. */
export function createControlPlaneCounters(
  metrics: Metrics | undefined,
  sources: { readonly up: () => number; readonly view: () => ClusterView },
): ControlPlaneCounters {
  if (metrics === undefined) {
    const nothing = (): void => {};
    return { countCommand: nothing, countClaim: nothing, countBadRecord: nothing, withdraw: nothing };
  }
  const withdrawals = [
    metrics.read("canopy_control_plane_up", "", sources.up),
    ...ROLES.map((role) =>
      metrics.read("canopy_control_plane_nodes", role, () => countRole(sources.view(), role)),
    ),
  ];
  return {
    countCommand: metrics.counter("canopy_control_plane_commands_total"),
    countClaim: metrics.counter("canopy_control_plane_claims_total"),
    countBadRecord: metrics.counter("canopy_control_plane_bad_records_total"),
    withdraw: () => {
      for (const withdraw of withdrawals.splice(0)) withdraw();
    },
  };
}

function countRole(view: ClusterView, role: NodeRole): number {
  let count = 0;
  for (const node of view.nodes.values()) if (node.role === role) count += 1;
  return count;
}
