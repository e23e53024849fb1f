import type { BroadcastSummary } from "../api/broadcasts.ts";
import type { NetworkState, NodeState } from "../api/node-states.ts";
import type { RecordingSummary } from "../api/recordings.ts";
import type { RestreamSummary } from "../api/restreams.ts";
import { formatPercent } from "../shell/format-figures.ts";
import { loadLevel, utilizationOf } from "./node-load.ts";

export interface NetworkWarning {
  readonly level: "bad" | "warn";
  /** Node, broadcast or restream that it is about. */
  readonly about: string;
  readonly text: string;
}

export interface ConsoleState {
  readonly network: NetworkState;
  readonly broadcasts: readonly BroadcastSummary[];
  readonly restreams: readonly RestreamSummary[];
  readonly recordings: readonly RecordingSummary[];
}

/** Viewers come and go on bad links: fewer drops than this are theirs, not the node's. */
const DROPS_PER_SECOND = 1;
const LOSS_RATIO = 0.05;

/** What an operator should look at now, the worst first. */
export function findWarnings({
  network,
  broadcasts,
  restreams,
  recordings,
}: ConsoleState): readonly NetworkWarning[] {
  const found: NetworkWarning[] = [];
  const bad = (about: string, text: string) => found.push({ level: "bad", about, text });
  const warn = (about: string, text: string) => found.push({ level: "warn", about, text });
  if (network.stale) {
    bad("control plane", "does not answer: what is shown of nodes is what was last known. Media flows on.");
  }
  for (const node of network.nodes) {
    if (!node.up) {
      bad(node.title, "does not answer.");
      continue;
    }
    const utilization = utilizationOf(node) ?? 0;
    if (loadLevel(utilization) === "full") {
      bad(node.title, `has no time left: ${formatPercent(utilization)} of its core is taken. Add nodes.`);
    }
    if (node.draining) warn(node.title, "drains: its sessions move elsewhere, then it stops.");
    if (isCutOff(node, network)) bad(node.title, "has no parent: nobody feeds it.");
    const { rates } = node;
    if (rates === undefined) continue;
    if (rates.refusedPerSecond > 0)
      bad(node.title, "is full and refuses sessions. Add nodes, or raise --max-sessions.");
    if (rates.droppedPerSecond >= DROPS_PER_SECOND) {
      warn(
        node.title,
        `drops ${rates.droppedPerSecond.toFixed(1)} groups a second: viewers or links too slow for the bitrate.`,
      );
    }
    if ((rates.lossRatio ?? 0) > LOSS_RATIO) {
      warn(node.title, `sends ${formatPercent(rates.lossRatio)} of its packets again: a link loses them.`);
    }
  }
  for (const { path, connected, warnings } of broadcasts) {
    if (!connected) bad(path, "has lost its publisher, who may come back.");
    for (const { text } of warnings) warn(path, text);
  }
  for (const { broadcast, target, state, error } of restreams) {
    if (state === "retrying")
      bad(broadcast, `is not taken by ${target}${error === undefined ? "" : `: ${error}`}`);
  }
  for (const { broadcast, state, error } of recordings) {
    if (state === "failed") bad(broadcast, `could not be recorded${error === undefined ? "" : `: ${error}`}`);
  }
  return found.sort((a, b) => a.level.localeCompare(b.level));
}

/** Nodes tell operators alone who feeds them: that nobody is named is not enough. */
function isCutOff({ tier, place, metrics }: NodeState, { nodes }: NetworkState): boolean {
  if (tier === 0 || metrics === undefined || (place?.parents.length ?? 0) > 0) return false;
  if (metrics.upstreamSubscriptions > 0) return false;
  const isSomethingLive = nodes.some((node) => node.tier === 0 && (node.metrics?.broadcasts ?? 0) > 0);
  return metrics.downstreamSubscriptions > 0 || (metrics.broadcasts === 0 && isSomethingLive);
}
