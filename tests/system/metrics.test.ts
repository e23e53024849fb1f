import { METRICS } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";

/** Labels of the contract, and `le`, which the text format itself uses for histograms. */
const ALLOWED_LABELS = ["transport", "direction", "kind", "reason", "tier", "le"];
/** Labels of prom-client's own process metrics. */
const PROCESS_LABELS = ["type", "space", "kind", "version", "major", "minor", "patch", "le", "quantile"];

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

  it("count what flows: the publisher at the origin, the children at the nodes above", async () => {
    const value = async (url: string | undefined, line: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const found = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1));
    };
    expect(await value(dev.origin, 'canopy_sessions{transport="rtmp"}')).toBe(1);
    expect(await value(dev.origin, 'canopy_sessions{transport="quic"}')).toBe(1);
    expect(await value(dev.relay, 'canopy_sessions{transport="quic"}')).toBe(1);
    for (const url of [dev.origin, dev.relay, dev.edges[0]]) {
      expect(await value(url, "canopy_broadcasts")).toBe(1);
      expect(await value(url, 'canopy_received_bytes_total{transport="quic"}')).toBeGreaterThan(0);
      expect(await value(url, "canopy_event_loop_utilization_ratio")).toBeLessThanOrEqual(1);
    }
  });
});
