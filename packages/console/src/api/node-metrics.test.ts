import { describe, expect, it } from "vitest";
import { frameAgeMs, parseNodeMetrics } from "./node-metrics.ts";

const PAGE = `# HELP canopy_sessions Open sessions
# TYPE canopy_sessions gauge
canopy_sessions{transport="quic"} 1
canopy_sessions{transport="webtransport"} 12
canopy_subscriptions{direction="upstream"} 4
canopy_subscriptions{direction="downstream"} 40
canopy_sent_bytes_total{transport="webtransport"} 2.5e+06 1795416000123
canopy_event_loop_utilization_ratio 0.125
canopy_sessions_rejected_total{reason="limit"} 5
canopy_sessions_rejected_total{reason="path"} 7
canopy_frame_age_seconds_bucket{le="0.1"} 1
canopy_frame_age_seconds_bucket{le="0.2"} 3
canopy_frame_age_seconds_bucket{le="+Inf"} 4
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
    expect(metrics.refusedForRoom).toBe(5);
  });

  it("reads an empty page as a node without load", () => {
    expect(parseNodeMetrics("").sessions).toBe(0);
    expect(parseNodeMetrics("").eventLoopUtilization).toBeUndefined();
  });
});

describe("frameAgeMs", () => {
  const { frameAge } = parseNodeMetrics(PAGE);

  it("finds the age of a share of the frames that were sent since", () => {
    expect(frameAgeMs([], frameAge, 0.5)).toBeCloseTo(150);
    expect(frameAgeMs([], frameAge, 0.25)).toBeCloseTo(100);
    expect(frameAgeMs([], frameAge, 0.99)).toBeCloseTo(200);
    const before = [
      { leSeconds: 0.1, count: 1 },
      { leSeconds: 0.2, count: 1 },
      { leSeconds: Number.POSITIVE_INFINITY, count: 1 },
    ];
    expect(frameAgeMs(before, frameAge, 0.5)).toBeCloseTo(175);
  });

  it("knows no age if none was sent", () => {
    expect(frameAgeMs(frameAge, frameAge, 0.5)).toBeUndefined();
    expect(frameAgeMs([], [], 0.5)).toBeUndefined();
  });
});
