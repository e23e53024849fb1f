import type { NodeState } from "../api/node-states.ts";

const BUSY = 0.7;
/** The alert of deploy/prometheus begins here. */
const FULL = 0.85;

/** 0 to 1. */
export function utilizationOf(node: NodeState): number | undefined {
  return node.metrics?.eventLoopUtilization ?? node.load?.utilization;
}

export function loadLevel(utilization: number): "full" | "busy" | "" {
  return utilization >= FULL ? "full" : utilization >= BUSY ? "busy" : "";
}
