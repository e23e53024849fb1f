import { createMetrics } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { DownstreamCounters } from "./downstream/downstream-counters.ts";
import { bindRelayMetrics } from "./relay-metrics.ts";
import { Store } from "./store/store.ts";
import { UpstreamCounters } from "./upstream/upstream-counters.ts";

describe("bindRelayMetrics", () => {
  it("exports the node's numbers under the names of the contract and withdraws them", async () => {
    const metrics = createMetrics({ processMetrics: false });
    let nowMs = 1_700_000_000_000;
    const clock = { nowMs: () => nowMs, nowUs: () => nowMs * 1_000 };
    const store = new Store({}, { clock, schedule: () => {} });
    const downstream = new DownstreamCounters();
    const upstream = new UpstreamCounters();
    const withdraw = bindRelayMetrics(metrics, {
      store,
      downstream,
      upstream,
      sessions: {
        of: (kind) => ({
          sentBytes: kind === "quic" ? 7 : 0,
          receivedBytes: 3,
          sentPackets: 6,
          lostPackets: 1,
        }),
        bufferedBytes: () => 9,
      },
      parents: () => 2,
    });
    const info = { priority: 60, ordered: false, maxLatencyMs: 1_000, timescale: 1_000_000 };
    const track = store.publish("live/demo").createTrack("video", info);
    track.subscribe({ onFrame: () => {}, onClosed: () => {} });
    track.openGroup().append(nowMs * 1_000, new Uint8Array(100));
    nowMs += 40;
    store.flush();
    // Without new frames nothing is measured again.
    track.markDirty();
    store.flush();
    downstream.framesSent[1] = 5;
    downstream.groupsDropped.late = 2;
    downstream.subscriptions = 4;
    upstream.parentSwitches.silent = 1;
    const text = await metrics.expose();
    for (const line of [
      "canopy_broadcasts 1",
      `canopy_cache_bytes ${store.cacheBytes}`,
      'canopy_subscriptions{direction="downstream"} 4',
      'canopy_frames_sent_total{kind="audio"} 5',
      'canopy_groups_dropped_total{reason="late"} 2',
      'canopy_parent_switches_total{reason="silent"} 1',
      'canopy_sent_bytes_total{transport="quic"} 7',
      'canopy_received_bytes_total{transport="webtransport"} 3',
      'canopy_sent_packets_total{transport="quic"} 6',
      'canopy_lost_packets_total{transport="quic"} 1',
      "canopy_buffered_bytes 9",
      "canopy_parents 2",
      'canopy_frame_age_seconds_bucket{le="0.03"} 0',
      'canopy_frame_age_seconds_bucket{le="0.05"} 1',
      "canopy_frame_age_seconds_count 1",
    ]) {
      expect(text).toContain(line);
    }
    withdraw();
    expect(metrics.value("canopy_broadcasts", "")).toBe(0);
  });
});
