/** Plain numbers of all HLS requests of a node, read when the metrics are scraped. */
export class HlsCounters {
  /** Bodies only. */
  sentBytes = 0;
  /** Requests that wait now. */
  waits = 0;
  waitsRefused = 0;
  /** Bytes of all segments. */
  bytes = 0;
  /** Parts that were made. */
  parts = 0;
}
