/** Why a node left its parent; the values of the metrics label `reason`. */
export type ParentSwitchReason = "closed" | "silent" | "goaway" | "refused";

/** Plain numbers of a node's sources, read when the metrics are scraped. */
export class UpstreamCounters {
  subscriptions = 0;
  readonly parentSwitches: Record<ParentSwitchReason, number> = {
    closed: 0,
    silent: 0,
    goaway: 0,
    refused: 0,
  };
  groupsRefused = 0;
  groupsResumed = 0;
  /** Groups that another source continued with other content than the first. */
  groupsConflicting = 0;
  routesRefused = 0;
  /** Parents that turned out to be another node than the registry says. */
  parentsMistaken = 0;
  /** Broadcasts that were moved to another parent for the sake of even loads. */
  broadcastsMoved = 0;
  /** GOAWAYs that named a place to which this node does not go. */
  goawaysRefused = 0;
}
