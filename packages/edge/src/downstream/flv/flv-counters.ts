/** Plain numbers of all FLV viewers of a node, read when the metrics are scraped. */
export class FlvCounters {
  sentBytes = 0;
  /** Readers that were so far behind that pictures were left out for them. */
  skips = 0;
  /** Readers that took nothing any more. */
  closedSlow = 0;
  groupsDropped = 0;
}
