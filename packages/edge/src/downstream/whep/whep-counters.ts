import type { WebRtcPeerStats } from "@canopy/transport/webrtc";

/** Plain numbers of all WHEP sessions of a node, read when the metrics are scraped. */
export class WhepCounters {
  nacks = 0;
  plis = 0;
  firs = 0;
  /** Viewers who were sent the cached group once more. */
  restarts = 0;
  retransmitted = 0;
  /** Asked for too late, or more than a viewer may have. */
  retransmitsRefused = 0;
  renditionChanges = 0;
  rtcpDropped = 0;
  rtcpMalformed = 0;
  unexpectedPackets = 0;
  timedDropped = 0;
  badFrames = 0;
  /** Of sessions that are over. */
  closedSentBytes = 0;
  closedReceivedBytes = 0;

  addClosed(stats: WebRtcPeerStats): void {
    this.closedSentBytes += stats.sentBytes;
    this.closedReceivedBytes += stats.receivedBytes;
  }
}
