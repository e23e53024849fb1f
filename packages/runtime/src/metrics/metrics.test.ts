import { describe, expect, it } from "vitest";
import { METRICS } from "./metric-catalog.ts";
import { createMetrics } from "./metrics.ts";

const ALLOWED_LABELS = ["transport", "direction", "kind", "reason", "tier"];

describe("METRICS", () => {
  it("names everything with the prefix, a unit or _total, and allowed labels", () => {
    for (const [name, spec] of Object.entries(METRICS)) {
      expect(name).toMatch(/^canopy_[a-z_]+$/);
      if (spec.type === "counter") expect(name).toMatch(/_total$/);
      else expect(name).not.toMatch(/_total$/);
      if ("label" in spec) expect(ALLOWED_LABELS).toContain(spec.label.name);
    }
  });
});

describe("Metrics", () => {
  it("exports every metric with zeros before anything happened", async () => {
    const text = await createMetrics({ processMetrics: true }).expose();
    for (const [name, spec] of Object.entries(METRICS)) {
      expect(text).toContain(`# TYPE ${name} ${spec.type}`);
      if (!("label" in spec)) continue;
      for (const value of spec.label.values)
        expect(text).toContain(`${name}{${spec.label.name}="${value}"} 0`);
    }
    expect(text).toContain("process_cpu_seconds_total");
  });

  it("adds up the sources of one label value and forgets a removed gauge", async () => {
    const metrics = createMetrics({ processMetrics: false });
    metrics.read("canopy_sessions", "quic", () => 2);
    const remove = metrics.read("canopy_sessions", "quic", () => 3);
    expect(metrics.value("canopy_sessions", "quic")).toBe(5);
    expect(await metrics.expose()).toContain('canopy_sessions{transport="quic"} 5');
    remove();
    expect(await metrics.expose()).toContain('canopy_sessions{transport="quic"} 2');
  });

  it("keeps what a removed source of a counter had counted", async () => {
    const metrics = createMetrics({ processMetrics: false });
    metrics.counter("canopy_sent_bytes_total")("quic", 1);
    const remove = metrics.read("canopy_sent_bytes_total", "quic", () => 10);
    remove();
    remove();
    metrics.read("canopy_sent_bytes_total", "quic", () => 5);
    expect(await metrics.expose()).toContain('canopy_sent_bytes_total{transport="quic"} 16');
  });

  it("exports histograms with cumulative buckets", async () => {
    const metrics = createMetrics({ processMetrics: false });
    const age = metrics.histogram("canopy_frame_age_seconds");
    age.observe(0.004);
    age.observe(0.06);
    age.observe(99);
    const text = await metrics.expose();
    expect(text).toContain('canopy_frame_age_seconds_bucket{le="0.005"} 1');
    expect(text).toContain('canopy_frame_age_seconds_bucket{le="10"} 2');
    expect(text).toContain('canopy_frame_age_seconds_bucket{le="+Inf"} 3');
    expect(text).toContain("canopy_frame_age_seconds_count 3");
  });
});
