import type { Metrics } from "@canopy/runtime";
import type { WhepCounters } from "./whep-counters.ts";

export interface WhepMetricSources {
  readonly counters: WhepCounters;
  /** Of sessions that are open. */
  readonly sentBytes: () => number;
  readonly receivedBytes: () => number;
}

/** Exports the plain numbers of WHEP, read at scrape time. Returns the function that withdraws them. */
export function bindWhepMetrics(metrics: Metrics, sources: WhepMetricSources): () => void {
  const { counters } = sources;
  const withdraw = [
    metrics.read("canopy_sent_bytes_total", "whep", () => counters.closedSentBytes + sources.sentBytes()),
    metrics.read(
      "canopy_received_bytes_total",
      "whep",
      () => counters.closedReceivedBytes + sources.receivedBytes(),
    ),
    metrics.read("canopy_webrtc_feedback_total", "nack", () => counters.nacks),
    metrics.read("canopy_webrtc_feedback_total", "pli", () => counters.plis),
    metrics.read("canopy_webrtc_feedback_total", "fir", () => counters.firs),
    metrics.read("canopy_webrtc_retransmitted_packets_total", "", () => counters.retransmitted),
    metrics.read("canopy_webrtc_refused_packets_total", "nack", () => counters.retransmitsRefused),
    metrics.read("canopy_webrtc_refused_packets_total", "rtcp-rate", () => counters.rtcpDropped),
    metrics.read("canopy_webrtc_refused_packets_total", "malformed", () => counters.rtcpMalformed),
    metrics.read("canopy_webrtc_refused_packets_total", "unexpected", () => counters.unexpectedPackets),
    metrics.read("canopy_webrtc_restarts_total", "", () => counters.restarts),
    metrics.read("canopy_webrtc_rendition_changes_total", "", () => counters.renditionChanges),
  ];
  return () => {
    for (const remove of withdraw) remove();
  };
}
