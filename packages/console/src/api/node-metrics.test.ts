import { describe, expect, it } from "vitest";
import { parseNodeMetrics } from "./node-metrics.ts";

const PAGE = `# HELP canopy_sessions Open sessions
# TYPE canopy_sessions gauge
canopy_sessions{transport="quic"} 1
canopy_sessions{transport="webtransport"} 12
canopy_subscriptions{direction="upstream"} 4
canopy_subscriptions{direction="downstream"} 40
canopy_sent_bytes_total{transport="webtransport"} 2.5e+06 1795416000123
canopy_event_loop_utilization_ratio 0.125
canopy_frame_age_seconds_bucket{le="+Inf",kind="video"} 3
garbage here
`;

describe("parseNodeMetrics", () => {
  it("adds up samples over their labels", () => {
    const metrics = parseNodeMetrics(PAGE);
    expect(metrics.sessions).toBe(13);
    expect(metrics.sessionsByTransport.get("webtransport")).toBe(12);
    expect(metrics.upstreamSubscriptions).toBe(4);
    expect(metrics.downstreamSubscriptions).toBe(40);
    expect(metrics.sentBytes).toBe(2_500_000);
    expect(metrics.eventLoopUtilization).toBe(0.125);
  });

  it("reads an empty page as a node without load", () => {
    expect(parseNodeMetrics("").sessions).toBe(0);
    expect(parseNodeMetrics("").eventLoopUtilization).toBeUndefined();
  });
});
