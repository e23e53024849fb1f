import { describe, expect, it } from "vitest";
import { parseNodeMetrics } from "./node-metrics.ts";
import { type NodeState, parentsOf, ratesBetween } from "./node-states.ts";
import { parseTopology } from "./topology.ts";

const page = (sent: number, dropped: number, packets: number, lost: number) =>
  parseNodeMetrics(
    [
      `canopy_sent_bytes_total{transport="quic"} ${sent}`,
      `canopy_groups_dropped_total{reason="late"} ${dropped}`,
      `canopy_sent_packets_total{transport="quic"} ${packets}`,
      `canopy_lost_packets_total{transport="quic"} ${lost}`,
    ].join("\n"),
  );

describe("ratesBetween", () => {
  it("turns counters into what happened in a second", () => {
    const rates = ratesBetween(
      { atMs: 1_000, metrics: page(0, 1, 100, 0) },
      { atMs: 3_000, metrics: page(1_000_000, 5, 300, 10) },
    );
    expect(rates).toMatchObject({ sentBps: 4_000_000, droppedPerSecond: 2, lossRatio: 0.05 });
  });

  it("knows nothing of a node that was started anew in between", () => {
    const before = { atMs: 1_000, metrics: page(1_000, 0, 0, 0) };
    expect(ratesBetween(before, { atMs: 2_000, metrics: page(10, 0, 0, 0) })).toBeUndefined();
  });
});

describe("parentsOf", () => {
  const node = (url: string, topology: unknown): NodeState => {
    const { self: place } = parseTopology(topology);
    const rest = {
      draining: false,
      metrics: undefined,
      load: undefined,
      rates: undefined,
      region: undefined,
    };
    return { ...rest, key: String(place.id), role: "edge", tier: 2, title: url, url, up: true, place };
  };

  it("finds parents by their ids, by what children dial, or by their address", () => {
    const relay = node("http://127.0.0.1:4441", { self: { id: 1, url: "https://relay:4441" } });
    const origin = node("http://127.0.0.1:4440", { originId: 2 });
    const nodes = [relay, origin];
    const of = (parents: unknown) =>
      parentsOf(node("http://e", { self: { id: 3, parents } }), nodes).map(({ parent, rttMs }) => [
        parent,
        rttMs,
      ]);
    expect(of([{ id: 1, url: "https://elsewhere:1", rttMs: 2 }])).toEqual([[relay, 2]]);
    expect(of([{ url: "https://relay:4441" }])).toEqual([[relay, undefined]]);
    expect(of([{ url: "https://127.0.0.1:4440", rttMs: 1 }])).toEqual([[origin, 1]]);
    expect(of([{ id: 9, url: "https://unknown:1" }, { id: 3 }])).toEqual([]);
  });
});
