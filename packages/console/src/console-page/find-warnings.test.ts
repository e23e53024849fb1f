import { describe, expect, it } from "vitest";
import { parseBroadcast } from "../api/broadcasts.ts";
import { parseNodeMetrics } from "../api/node-metrics.ts";
import type { NodeState } from "../api/node-states.ts";
import { parseRecordings } from "../api/recordings.ts";
import { parseRestreams } from "../api/restreams.ts";
import { parseTopology } from "../api/topology.ts";
import { type ConsoleState, findWarnings } from "./find-warnings.ts";

const QUIET = {
  sentBps: 0,
  receivedBps: 0,
  droppedPerSecond: 0,
  refusedPerSecond: 0,
  lossRatio: 0,
  frameAgeMs: 3,
};

function node(title: string, more: Partial<NodeState> = {}): NodeState {
  return {
    key: title,
    role: "edge",
    tier: 2,
    title,
    url: "http://e",
    region: undefined,
    up: true,
    draining: false,
    metrics: parseNodeMetrics("canopy_event_loop_utilization_ratio 0.2"),
    load: undefined,
    rates: QUIET,
    place: parseTopology({ self: { parents: [{ id: 1 }] } }).self,
    ...more,
  };
}

function warnings(nodes: readonly NodeState[], more: Partial<ConsoleState> = {}): readonly string[] {
  const state = { broadcasts: [], restreams: [], recordings: [], network: { nodes, stale: false }, ...more };
  return findWarnings(state).map(({ level, about, text }) => `${level} ${about} ${text}`);
}

describe("findWarnings", () => {
  it("finds none in a network that is well, nor in an origin that has no parent", () => {
    const origin = node("origin", { role: "origin", tier: 0, place: parseTopology({}).self });
    expect(warnings([origin, node("edge-1")])).toEqual([]);
  });

  it("takes a node for cut off that knows nothing of what is live, not one that tells only operators who feeds it", () => {
    const place = parseTopology({}).self;
    const origin = node("o", {
      role: "origin",
      tier: 0,
      place,
      metrics: parseNodeMetrics("canopy_broadcasts 3"),
    });
    const knows = (broadcasts: number) =>
      warnings([origin, node("e", { place, metrics: parseNodeMetrics(`canopy_broadcasts ${broadcasts}`) })]);
    expect(knows(3)).toEqual([]);
    expect(knows(0)).toEqual(["bad e has no parent: nobody feeds it."]);
  });

  it.each([
    ["bad e does not answer.", { up: false }],
    ["warn e drains", { draining: true }],
    [
      "bad e has no parent",
      {
        place: parseTopology({ parent: null }).self,
        metrics: parseNodeMetrics('canopy_subscriptions{direction="downstream"} 2'),
      },
    ],
    ["bad e has no time left: 90%", { metrics: parseNodeMetrics("canopy_event_loop_utilization_ratio 0.9") }],
    ["bad e is full", { rates: { ...QUIET, refusedPerSecond: 0.5 } }],
    ["warn e drops 2.5 groups", { rates: { ...QUIET, droppedPerSecond: 2.5 } }],
    ["warn e sends 20% of its packets again", { rates: { ...QUIET, lossRatio: 0.2 } }],
  ] satisfies [string, Partial<NodeState>][])("says of a node: %s", (text, more) => {
    const found = warnings([node("e", more)]);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(text);
  });

  it("names broadcasts, restreams and recordings that are not well, what is bad first", () => {
    const broadcast = parseBroadcast({
      path: "live/a",
      publisher: { connected: false },
      warnings: [{ code: "b-frames", message: "has B-frames" }],
    });
    const state = {
      broadcasts: broadcast === undefined ? [] : [broadcast],
      restreams: parseRestreams({
        restreams: [
          {
            id: "1",
            broadcast: "live/a",
            target: "rtmp://x",
            state: "retrying",
            error: { message: "refused" },
          },
        ],
      }),
      recordings: parseRecordings({ recordings: [{ id: "2", broadcast: "live/b", state: "failed" }] }, ""),
      network: { nodes: [], stale: true },
    };
    expect(warnings([], state).map((text) => text.slice(0, 30))).toEqual([
      "bad control plane does not ans",
      "bad live/a has lost its publis",
      "bad live/a is not taken by rtm",
      "bad live/b could not be record",
      "warn live/a has B-frames",
    ]);
  });
});
