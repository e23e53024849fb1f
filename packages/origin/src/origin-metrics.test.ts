import { createMetrics } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { createOriginCounters } from "./origin-metrics.ts";

describe("createOriginCounters", () => {
  it("exports what WHIP publishers sent in vain, by reason", () => {
    const metrics = createMetrics({ processMetrics: false });
    const { whip } = createOriginCounters(metrics);
    whip.dropped("media");
    whip.dropped("rtcp-rate");
    whip.dropped("media");
    expect(metrics.value("canopy_webrtc_refused_packets_total", "media")).toBe(2);
    expect(metrics.value("canopy_webrtc_refused_packets_total", "rtcp-rate")).toBe(1);
  });
});
