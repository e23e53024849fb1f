import type { Metrics } from "@canopy/runtime";
import type { BridgeCounters } from "./audio/bridge-counters.ts";
import type { Recordings } from "./downstream/record/recordings.ts";
import type { Restreams } from "./downstream/restream/restreams.ts";
import type { OriginErrorCode } from "./origin-error.ts";
import type { TimedKind } from "./timed/timed-lane.ts";
import type { RtmpServerCounters } from "./upstream/rtmp/rtmp-server.ts";
import type { WhipCounters } from "./upstream/whip/whip-counters.ts";

/** What the origin counts beside its relay node. Names and labels are the contract's. */
export interface OriginCounters {
  readonly rtmp: RtmpServerCounters;
  readonly whip: WhipCounters;
  countTimed(kind: TimedKind): void;
}

export function createOriginCounters(metrics: Metrics): OriginCounters {
  const rejected = metrics.counter("canopy_sessions_rejected_total");
  const received = metrics.counter("canopy_received_bytes_total");
  const timed = metrics.counter("canopy_timed_messages_total");
  const refusedPackets = metrics.counter("canopy_webrtc_refused_packets_total");
  const sessionRejected = (code: OriginErrorCode): void => {
    const reason = rejectReason(code);
    if (reason !== undefined) rejected(reason);
  };
  return {
    rtmp: {
      // The gate counts who was let in.
      sessionOpened: () => {},
      sessionRejected,
      receivedBytes: (bytes) => received("rtmp", bytes),
    },
    whip: {
      refused: sessionRejected,
      receivedBytes: (bytes) => received("whip", bytes),
      dropped: (reason) => refusedPackets(reason),
    },
    countTimed: (kind) => timed(kind),
  };
}

/** Registers what the audio bridge counts; the returned functions take it out again. */
export function readBridgeCounters(metrics: Metrics, counters: BridgeCounters): (() => void)[] {
  const { active, frames, dropped } = counters;
  return [
    ...(["aac-opus", "opus-aac"] as const).flatMap((kind) => [
      metrics.read("canopy_bridges", kind, () => active[kind]),
      metrics.read("canopy_bridge_frames_total", kind, () => frames[kind]),
    ]),
    ...(["queue", "restart", "undecodable", "oversize"] as const).map((reason) =>
      metrics.read("canopy_bridge_dropped_frames_total", reason, () => dropped[reason]),
    ),
    metrics.read("canopy_bridge_restarts_total", "died", () => counters.restarts),
    metrics.read("canopy_bridge_restarts_total", "unavailable", () => counters.unavailable),
  ];
}

/** Likewise for restreams. */
export function readRestreamCounters(metrics: Metrics, restreams: Restreams): (() => void)[] {
  const { counters } = restreams;
  return [
    ...(["waiting", "connecting", "live", "retrying"] as const).map((state) =>
      metrics.read("canopy_restreams", state, () => restreams.countIn(state)),
    ),
    ...(["unreachable", "refused", "stalled", "closed", "media"] as const).map((reason) =>
      metrics.read("canopy_restream_failures_total", reason, () => counters.failures[reason]),
    ),
    metrics.read("canopy_restream_sent_bytes_total", "", () => counters.sentBytes),
    metrics.read("canopy_restream_dropped_frames_total", "", () => counters.droppedFrames),
  ];
}

/** Likewise for recordings. */
export function readRecordCounters(metrics: Metrics, recordings: Recordings): (() => void)[] {
  const { lostSegments, uploads, removed } = recordings.counters;
  return [
    ...(["waiting", "recording", "finishing", "ready", "failed"] as const).map((state) =>
      metrics.read("canopy_recordings", state, () => recordings.countIn(state)),
    ),
    metrics.read("canopy_recording_written_bytes_total", "", () => recordings.counters.writtenBytes),
    ...(["disk-full", "disk", "queue"] as const).map((reason) =>
      metrics.read("canopy_recording_lost_segments_total", reason, () => lostSegments[reason]),
    ),
    ...(["stored", "failed"] as const).map((kind) =>
      metrics.read("canopy_recording_uploads_total", kind, () => uploads[kind]),
    ),
    ...(["asked", "age", "bytes"] as const).map((reason) =>
      metrics.read("canopy_recordings_removed_total", reason, () => removed[reason]),
    ),
  ];
}

/** The label `reason` of what ended a connection; undefined for an end that is no refusal. */
function rejectReason(code: OriginErrorCode): string | undefined {
  switch (code) {
    case "not-rtmp":
    case "chunk-size":
    case "chunk-streams":
    case "chunk-order":
    case "message-too-large":
    case "buffer-full":
    case "bad-command":
    case "play-unsupported":
      return "protocol";
    case "bad-media":
    case "codec-unsupported":
      return "media";
    case "bad-path":
      return "path";
    case "unauthorized":
    case "forbidden":
      return code;
    case "broadcast-in-use":
      return "conflict";
    case "too-many-broadcasts":
    case "too-many-sessions":
      return "limit";
    case "handshake-timeout":
      return "timeout";
    default:
      return undefined;
  }
}
