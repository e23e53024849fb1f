import { METRICS } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { metric, scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Labels of the contract, and `le`, which the text format itself uses for histograms. */
const ALLOWED_LABELS = ["transport", "direction", "kind", "reason", "tier", "le"];
/** Labels of prom-client's own process metrics. */
const PROCESS_LABELS = ["type", "space", "kind", "version", "major", "minor", "patch", "le", "quantile"];

/** What clients, dashboards and alerts rely on (names, types, the one label): to be added to, never to be changed. */
const CONTRACT: Readonly<Record<string, readonly [type: string, label?: string]>> = {
  canopy_sessions: ["gauge", "transport"],
  canopy_sessions_opened_total: ["counter"],
  canopy_sessions_rejected_total: ["counter", "reason"],
  canopy_broadcasts: ["gauge"],
  canopy_subscriptions: ["gauge", "direction"],
  canopy_sent_bytes_total: ["counter", "transport"],
  canopy_received_bytes_total: ["counter", "transport"],
  canopy_frames_sent_total: ["counter", "kind"],
  canopy_groups_dropped_total: ["counter", "reason"],
  canopy_frame_age_seconds: ["histogram"],
  canopy_parent_switches_total: ["counter", "reason"],
  canopy_cache_bytes: ["gauge"],
  canopy_timed_messages_total: ["counter", "kind"],
  canopy_event_loop_utilization_ratio: ["gauge"],
  canopy_flush_interval_seconds: ["gauge"],
};
/** Upstream to the publisher and downstream to viewers. */
const DIRECTIONS = ["upstream", "downstream"];

interface Sample {
  readonly name: string;
  readonly labels: readonly string[];
  readonly value: number;
}

function parse(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const labels = [...(match[2] ?? "").matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map((label) => label[1] ?? "");
    samples.push({ name: match[1] ?? "", labels, value: Number(match[3]) });
  }
  return samples;
}

let dev: CanopyDev;
beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1, broadcaster: true });
});
afterAll(async () => {
  await dev?.stop();
});

describe("metrics", () => {
  it.each(["origin", "relay", "edge"] as const)(
    "of the %s have the contract's names and labels",
    async (role) => {
      const url = role === "edge" ? dev.edges[0] : dev[role];
      const response = await fetch(`${url}/metrics`);
      expect(response.headers.get("content-type")).toContain("text/plain");
      const text = await response.text();
      const samples = parse(text);
      for (const [name, [type, label]] of Object.entries(CONTRACT)) {
        expect(text).toContain(`# TYPE ${name} ${type}\n`);
        const sampled = type === "histogram" ? `${name}_count` : name;
        const own = samples.filter((sample) => sample.name === sampled);
        expect(own.length, name).toBeGreaterThan(0);
        for (const sample of own) expect(sample.labels, name).toEqual(label === undefined ? [] : [label]);
      }
      for (const [name, spec] of Object.entries(METRICS)) {
        expect(text).toContain(`# TYPE ${name} ${spec.type}\n`);
        const label = "label" in spec ? [spec.label.name] : [];
        const own = samples.filter((sample) => sample.name === name);
        if (spec.type !== "histogram") expect(own.length, name).toBeGreaterThan(0);
        for (const sample of own) expect(sample.labels, name).toEqual(label);
      }
      for (const { name, labels, value } of samples) {
        const allowed = name.startsWith("canopy_") ? ALLOWED_LABELS : PROCESS_LABELS;
        expect(
          labels.filter((label) => !allowed.includes(label)),
          name,
        ).toEqual([]);
        expect(Number.isNaN(value), name).toBe(false);
      }
      expect(samples.some(({ name }) => name === "process_resident_memory_bytes")).toBe(true);
    },
  );

  it("count what flows, at every role, while somebody publishes and somebody watches", async () => {
    const edge = dev.edges[0] ?? "";
    const nodes = [dev.origin, dev.relay, edge];
    const viewer = await MoqViewer.connect({
      url: edge,
      broadcast: "live/demo",
      tracks: ["catalog.json", "video", "audio"],
      transport: "websocket",
    });
    await waitFor("frames at the viewer", () => viewer.view("video").frames > 30);
    const before = await Promise.all(nodes.map(scrapeMetrics));
    const seen = viewer.view("video").frames;
    await waitFor("more frames", () => viewer.view("video").frames > seen + 60);
    const after = await Promise.all(nodes.map(scrapeMetrics));
    for (const [index, url] of nodes.entries()) {
      const now = (name: string): number => after[index]?.get(name) ?? Number.NaN;
      const grown = (name: string): number => now(name) - (before[index]?.get(name) ?? Number.NaN);
      const isEdge = url === edge;
      const down = isEdge ? "websocket" : "quic";
      expect(now("canopy_broadcasts"), url).toBe(1);
      expect(now(`canopy_sessions{transport="${down}"}`), url).toBe(1);
      expect(now("canopy_sessions_opened_total"), url).toBeGreaterThanOrEqual(1);
      for (const direction of DIRECTIONS) {
        const isNone = url === dev.origin && direction === "upstream";
        const count = now(`canopy_subscriptions{direction="${direction}"}`);
        if (isNone) expect(count, url).toBe(0);
        else expect(count, url).toBeGreaterThanOrEqual(2);
      }
      expect(grown(`canopy_sent_bytes_total{transport="${down}"}`), url).toBeGreaterThan(50_000);
      const received = url === dev.origin ? "rtmp" : "quic";
      expect(grown(`canopy_received_bytes_total{transport="${received}"}`), url).toBeGreaterThan(50_000);
      for (const kind of ["video", "audio"]) {
        expect(grown(`canopy_frames_sent_total{kind="${kind}"}`), `${url} ${kind}`).toBeGreaterThan(20);
      }
      const ages = grown("canopy_frame_age_seconds_count");
      expect(ages, url).toBeGreaterThan(20);
      const meanAge = grown("canopy_frame_age_seconds_sum") / ages;
      expect(meanAge, url).toBeGreaterThanOrEqual(0);
      expect(meanAge, url).toBeLessThan(10);
      expect(now("canopy_cache_bytes"), url).toBeGreaterThan(100_000);
      expect(now("canopy_event_loop_utilization_ratio"), url).toBeGreaterThan(0);
      expect(now("canopy_event_loop_utilization_ratio"), url).toBeLessThanOrEqual(1);
      expect(now("canopy_flush_interval_seconds"), url).toBeLessThanOrEqual(0.06);
      expect(now("canopy_draining"), url).toBe(0);
    }
    expect(after[0]?.get('canopy_sessions{transport="rtmp"}')).toBe(1);
    viewer.close();
    await waitFor("the viewer to be forgotten", async () => {
      return (await metric(edge, 'canopy_sessions{transport="websocket"}')) === 0;
    });
  });

  it("tell which nodes a node is fed by, so that the tree can be drawn from each node's own word", async () => {
    const self = async (url: string) =>
      ((await (await fetch(`${url}/v1/topology`)).json()) as { self: Record<string, unknown> }).self;
    const [origin, relay, edge] = [
      await self(dev.origin),
      await self(dev.relay),
      await self(dev.edges[0] ?? ""),
    ];
    expect([origin.role, relay.role, edge.role]).toEqual(["origin", "relay", "edge"]);
    expect(origin.parents).toEqual([]);
    expect(relay.parents).toMatchObject([{ url: dev.origin.replace("http:", "https:") }]);
    expect(edge.parents).toMatchObject([{ url: dev.relay.replace("http:", "https:") }]);
    expect(origin.load).toMatchObject({ maxSessions: 2_000 });
    expect((origin.load as { sessions: number }).sessions).toBeGreaterThanOrEqual(2);
  });
});
