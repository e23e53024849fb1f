/** What a track holds, as far as its name tells; the values of the metrics label `kind`. */
export const FRAME_KINDS = ["video", "audio", "catalog", "timed", "data"] as const;

/** Index into `FRAME_KINDS`, found once per subscription. */
export function frameKindOf(trackName: string): number {
  if (trackName.startsWith("video")) return 0;
  if (trackName.startsWith("audio")) return 1;
  if (trackName.startsWith("catalog")) return 2;
  return trackName === "timed" ? 3 : 4;
}

/** Why a subscription did not get a group whole; the values of the metrics label `reason`. */
export type DropReason = "late" | "backlog" | "streams" | "evicted";

/** Plain numbers of all sessions of a node, read when the metrics are scraped. */
export class DownstreamCounters {
  subscriptions = 0;
  announceRequests = 0;
  /** By index of `FRAME_KINDS`. */
  readonly framesSent = new Float64Array(FRAME_KINDS.length);
  readonly groupsDropped: Record<DropReason, number> = { late: 0, backlog: 0, streams: 0, evicted: 0 };
  requestsRefused = 0;
  sessionsSilent = 0;
  /** Sessions that were asked to go elsewhere. */
  goaways = 0;
}
