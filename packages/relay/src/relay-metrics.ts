import type { Metrics } from "@canopy/runtime";
import type { TransportKind } from "@canopy/transport";
import { type DownstreamCounters, type DropReason, FRAME_KINDS } from "./downstream/downstream-counters.ts";
import type { SessionTotals } from "./session-totals.ts";
import type { Store } from "./store/store.ts";
import type { ParentSwitchReason, UpstreamCounters } from "./upstream/upstream-counters.ts";

/** Transports whose bytes are counted here. */
const TRANSPORTS: readonly TransportKind[] = ["quic", "webtransport", "websocket"];
const DROP_REASONS: readonly DropReason[] = ["late", "backlog", "streams", "evicted"];
const SWITCH_REASONS: readonly ParentSwitchReason[] = ["closed", "silent", "goaway", "refused"];

export interface RelayMetricSources {
  readonly store: Store;
  readonly downstream: DownstreamCounters;
  readonly upstream: UpstreamCounters;
  readonly sessions: Pick<SessionTotals, "of" | "bufferedBytes">;
  /** Parents that are connected. */
  readonly parents: () => number;
}

/** Exports a node's plain numbers, read at scrape time. Returns the function that withdraws them. */
export function bindRelayMetrics(metrics: Metrics, sources: RelayMetricSources): () => void {
  const { store, downstream, upstream, sessions } = sources;
  const withdraw = [
    metrics.read("canopy_broadcasts", "", () => store.size),
    metrics.read("canopy_buffered_bytes", "", () => sessions.bufferedBytes()),
    metrics.read("canopy_cache_bytes", "", () => store.cacheBytes),
    metrics.read("canopy_parents", "", sources.parents),
    metrics.read("canopy_parents_mistaken_total", "", () => upstream.parentsMistaken),
    metrics.read("canopy_broadcasts_moved_total", "", () => upstream.broadcastsMoved),
    metrics.read("canopy_subscriptions", "downstream", () => downstream.subscriptions),
    metrics.read("canopy_subscriptions", "upstream", () => upstream.subscriptions),
    ...FRAME_KINDS.map((kind, index) =>
      metrics.read("canopy_frames_sent_total", kind, () => downstream.framesSent[index] ?? 0),
    ),
    ...DROP_REASONS.map((reason) =>
      metrics.read("canopy_groups_dropped_total", reason, () => downstream.groupsDropped[reason]),
    ),
    ...SWITCH_REASONS.map((reason) =>
      metrics.read("canopy_parent_switches_total", reason, () => upstream.parentSwitches[reason]),
    ),
    metrics.read("canopy_goaways_total", "sent", () => downstream.goaways),
    metrics.read("canopy_goaways_total", "followed", () => upstream.parentSwitches.goaway),
    metrics.read("canopy_goaways_total", "refused", () => upstream.goawaysRefused),
    ...TRANSPORTS.flatMap((kind) => [
      metrics.read("canopy_sent_bytes_total", kind, () => sessions.of(kind).sentBytes),
      metrics.read("canopy_received_bytes_total", kind, () => sessions.of(kind).receivedBytes),
      metrics.read("canopy_sent_packets_total", kind, () => sessions.of(kind).sentPackets),
      metrics.read("canopy_lost_packets_total", kind, () => sessions.of(kind).lostPackets),
    ]),
  ];
  measureFrameAge(metrics, store);
  return () => {
    store.onTrackNotified = undefined;
    for (const remove of withdraw) remove();
  };
}

/** One observation per track and flush, of its newest frame: the same age as every viewer's, at no cost per viewer. */
function measureFrameAge(metrics: Metrics, store: Store): void {
  const ages = metrics.histogram("canopy_frame_age_seconds");
  store.onTrackNotified = (track, nowMs) => {
    if (track.observerCount === 0 || track.info === undefined) return;
    const frames = track.latest?.frames;
    const frame = frames?.[frames.length - 1];
    if (frame === undefined) return;
    const ageSeconds = nowMs / 1_000 - frame.timestamp / track.info.timescale;
    // Tracks that do not carry wall-clock time would only blur the figure.
    if (ageSeconds > -1 && ageSeconds < 60) ages.observe(Math.max(0, ageSeconds));
  };
}
