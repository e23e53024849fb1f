/** Everything that Canopy exports about itself. The names are a promise to dashboards: add, never rename. */

export type MetricLabel = "transport" | "direction" | "kind" | "reason" | "tier";

export interface MetricSpec {
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  /** The single label, with the values that are exported as 0 before the first event. */
  readonly label?: { readonly name: MetricLabel; readonly values: readonly string[] };
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[];
}

const TRANSPORTS = ["quic", "webtransport", "websocket", "rtmp", "whip", "whep", "hls", "flv"] as const;

export const METRICS = {
  canopy_sessions: {
    type: "gauge",
    help: "Open sessions, by what carries them.",
    label: { name: "transport", values: TRANSPORTS },
  },
  canopy_sessions_opened_total: { type: "counter", help: "Sessions that were admitted." },
  canopy_sessions_rejected_total: {
    type: "counter",
    help: "Sessions that were refused, by reason.",
    label: {
      name: "reason",
      values: [
        "protocol",
        "limit",
        "address-limit",
        "unauthorized",
        "forbidden",
        "path",
        "draining",
        "timeout",
        "conflict",
        "media",
        "rate",
        "origin",
      ],
    },
  },
  canopy_requests_refused_total: {
    type: "counter",
    help: "HTTP requests and TCP connections beyond what one address may have: `rate` were answered 429, `connections` were closed.",
    label: { name: "reason", values: ["rate", "connections"] },
  },
  canopy_quic_dropped_packets_total: {
    type: "counter",
    help: "UDP packets that no connection was given, by reason; `rate-limited`, `handshake-limit` and `address-limit` are what strangers were not let have.",
    label: {
      name: "reason",
      values: [
        "malformed",
        "unknown-connection",
        "short-initial",
        "invalid-token",
        "rate-limited",
        "handshake-limit",
        "session-limit",
        "address-limit",
        "closing",
        "socket-backlog",
      ],
    },
  },
  canopy_token_key_reloads_total: {
    type: "counter",
    help: "Changes of the file of token keys while the node runs: keys that were taken over, files that were no use.",
    label: { name: "kind", values: ["taken", "refused"] },
  },
  canopy_broadcasts: { type: "gauge", help: "Broadcasts that this node knows as active." },
  canopy_subscriptions: {
    type: "gauge",
    help: "Open track subscriptions: upstream towards the publisher, downstream towards viewers.",
    label: { name: "direction", values: ["upstream", "downstream"] },
  },
  canopy_sent_bytes_total: {
    type: "counter",
    help: "Bytes handed to the network, payload and protocol.",
    label: { name: "transport", values: TRANSPORTS },
  },
  canopy_received_bytes_total: {
    type: "counter",
    help: "Bytes received from the network, payload and protocol.",
    label: { name: "transport", values: TRANSPORTS },
  },
  canopy_sent_packets_total: {
    type: "counter",
    help: "Packets handed to the network by QUIC sessions.",
    label: { name: "transport", values: ["quic", "webtransport"] },
  },
  canopy_lost_packets_total: {
    type: "counter",
    help: "Packets that QUIC declared lost, so that what they held is sent again.",
    label: { name: "transport", values: ["quic", "webtransport"] },
  },
  canopy_buffered_bytes: {
    type: "gauge",
    help: "Bytes of media that wait in all sessions until congestion and flow control let them go.",
  },
  canopy_frames_sent_total: {
    type: "counter",
    help: "Frames written to downstream subscriptions, by what they hold.",
    label: { name: "kind", values: ["video", "audio", "catalog", "timed", "data"] },
  },
  canopy_groups_dropped_total: {
    type: "counter",
    help: "Groups that a downstream subscription did not get whole, by reason.",
    label: { name: "reason", values: ["late", "backlog", "streams", "evicted"] },
  },
  canopy_frame_age_seconds: {
    type: "histogram",
    help: "Now minus media time when a frame is sent downstream.",
    buckets: [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10],
  },
  canopy_parent_switches_total: {
    type: "counter",
    help: "Changes of parent, by reason.",
    label: { name: "reason", values: ["closed", "silent", "goaway", "refused"] },
  },
  canopy_parents: { type: "gauge", help: "Parents that are connected." },
  canopy_parents_mistaken_total: {
    type: "counter",
    help: "Records of the registry that led to another node than they said.",
  },
  canopy_broadcasts_moved_total: {
    type: "counter",
    help: "Broadcasts that were moved from one parent to another to even out their loads.",
  },
  canopy_goaways_total: {
    type: "counter",
    help: "GOAWAYs: sent to children, viewers and publishers; followed, or refused because of where they led.",
    label: { name: "kind", values: ["sent", "followed", "refused"] },
  },
  canopy_draining: { type: "gauge", help: "1 while the node sends its sessions elsewhere before it stops." },
  canopy_cache_bytes: { type: "gauge", help: "Bytes of media held in the store." },
  canopy_timed_messages_total: {
    type: "counter",
    help: "Timed messages, by what became of them.",
    label: { name: "kind", values: ["accepted", "embedded", "track", "passed", "rejected"] },
  },
  canopy_webrtc_feedback_total: {
    type: "counter",
    help: "Feedback from WebRTC peers: lists of missing packets, requests for a keyframe.",
    label: { name: "kind", values: ["nack", "pli", "fir"] },
  },
  canopy_webrtc_retransmitted_packets_total: {
    type: "counter",
    help: "RTP packets that were sent once more to a viewer who missed them.",
  },
  canopy_webrtc_restarts_total: {
    type: "counter",
    help: "Viewers who asked for a keyframe and were sent the cached group from its start.",
  },
  canopy_webrtc_rendition_changes_total: {
    type: "counter",
    help: "Changes of a WHEP viewer's rendition to fit his bandwidth.",
  },
  canopy_webrtc_refused_packets_total: {
    type: "counter",
    help: "What WebRTC peers sent or asked for and was not heeded: packets that are not here any more or too many, RTCP over the rate, packets that break their format, media that was not agreed on, payloads that cannot be read.",
    label: { name: "reason", values: ["nack", "rtcp-rate", "malformed", "unexpected", "media"] },
  },
  canopy_webrtc_stray_checks_total: {
    type: "counter",
    help: "ICE checks on the WebRTC port for no session: of viewers whose session is over, or of strangers.",
  },
  canopy_hls_waiting_requests: {
    type: "gauge",
    help: "Requests for HLS playlists and parts that wait until they are there.",
  },
  canopy_hls_refused_waits_total: {
    type: "counter",
    help: "HLS requests that were refused because too many waited already.",
  },
  canopy_hls_segment_bytes: {
    type: "gauge",
    help: "Bytes of all HLS segments and parts that are held for viewers.",
  },
  canopy_slow_viewers_total: {
    type: "counter",
    help: "Readers of HTTP-FLV that did not keep up: skipped to a keyframe, or closed.",
    label: { name: "reason", values: ["skipped", "closed"] },
  },
  canopy_bridges: {
    type: "gauge",
    help: "Streams of sound that are being transcoded because somebody follows them.",
    label: { name: "kind", values: ["aac-opus", "opus-aac"] },
  },
  canopy_bridge_frames_total: {
    type: "counter",
    help: "Frames of sound that transcoding has made.",
    label: { name: "kind", values: ["aac-opus", "opus-aac"] },
  },
  canopy_bridge_dropped_frames_total: {
    type: "counter",
    help: "Frames of sound that were to be transcoded and were not, by reason.",
    label: { name: "reason", values: ["queue", "restart", "undecodable", "oversize"] },
  },
  canopy_bridge_restarts_total: {
    type: "counter",
    help: "Ends of the thread that transcodes: it died and was started again, or cannot run here.",
    label: { name: "reason", values: ["died", "unavailable"] },
  },
  canopy_restreams: {
    type: "gauge",
    help: "Restreams, by their state.",
    label: { name: "kind", values: ["waiting", "connecting", "live", "retrying"] },
  },
  canopy_restream_sent_bytes_total: {
    type: "counter",
    help: "Bytes that restreams have sent to their targets.",
  },
  canopy_restream_failures_total: {
    type: "counter",
    help: "Connections of restreams that failed or were lost, by reason.",
    label: { name: "reason", values: ["unreachable", "refused", "stalled", "closed", "media"] },
  },
  canopy_restream_dropped_frames_total: {
    type: "counter",
    help: "Frames that a restream's target did not take in time.",
  },
  canopy_recordings: {
    type: "gauge",
    help: "Recordings, by their state.",
    label: { name: "kind", values: ["waiting", "recording", "finishing", "ready", "failed"] },
  },
  canopy_recording_written_bytes_total: { type: "counter", help: "Bytes of recordings written to the disk." },
  canopy_recording_lost_segments_total: {
    type: "counter",
    help: "Segments of recordings that were not kept, by reason.",
    label: { name: "reason", values: ["disk-full", "disk", "queue"] },
  },
  canopy_recording_uploads_total: {
    type: "counter",
    help: "Files of recordings given to the object store, by what became of it.",
    label: { name: "kind", values: ["stored", "failed"] },
  },
  canopy_recordings_removed_total: {
    type: "counter",
    help: "Finished recordings that were removed, by reason.",
    label: { name: "reason", values: ["asked", "age", "bytes"] },
  },
  canopy_control_plane_up: {
    type: "gauge",
    help: "1 while the registry answers, or when the node is configured without one; 0 while it is away.",
  },
  canopy_control_plane_nodes: {
    type: "gauge",
    help: "Nodes that the registry shows as alive, by role, as this node last knew them.",
    label: { name: "kind", values: ["origin", "relay", "edge"] },
  },
  canopy_control_plane_commands_total: {
    type: "counter",
    help: "Steps that the registry was asked for, by whether it did them in time.",
    label: { name: "kind", values: ["ok", "failed"] },
  },
  canopy_control_plane_claims_total: {
    type: "counter",
    help: "Paths that this node asked for: got, refused because another origin has it, granted for want of an answer, lost to another origin later.",
    label: { name: "kind", values: ["claimed", "held", "unknown", "lost"] },
  },
  canopy_control_plane_bad_records_total: {
    type: "counter",
    help: "Records of the registry that were ignored, or whose load was moved into its range.",
    label: { name: "reason", values: ["size", "malformed", "mismatch", "duplicate", "clamped", "limit"] },
  },
  canopy_event_loop_utilization_ratio: {
    type: "gauge",
    help: "Share of the last second in which the event loop was busy, 0 to 1.",
  },
  canopy_flush_interval_seconds: {
    type: "gauge",
    help: "Interval at which pending frames are flushed to connections; 0 is at once.",
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;
type NamesOfType<T extends MetricSpec["type"]> = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[MetricName];
export type ReadMetricName = NamesOfType<"gauge" | "counter">;
export type HistogramName = NamesOfType<"histogram">;
