import type { Broadcast } from "@canopy/relay";
import type { BroadcastBridges } from "../audio/broadcast-bridges.ts";
import type { BroadcastObservation, BroadcastWarning } from "./broadcast-warnings.ts";
import type { PublisherProtocol } from "./publisher.ts";
import type { TrackLanes, VideoTrack } from "./track-lanes.ts";

export interface TrackDescription {
  readonly name: string;
  readonly kind: "video" | "audio" | "data";
  readonly codec?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  /** Measured. */
  readonly framerate?: number;
  /** Measured, bits per second. */
  readonly bitrate?: number;
  readonly keyframeIntervalMs?: number;
  /** The track that this one is transcoded from, while somebody follows it. */
  readonly bridgeOf?: string;
  /** Of a bridged track: it is being made now. */
  readonly active?: boolean;
}

/** A broadcast as the API shows it. */
export interface BroadcastDescription {
  readonly broadcast: string;
  readonly publisher: {
    readonly protocol: PublisherProtocol;
    readonly connected: boolean;
    /** ISO 8601. */
    readonly since: string;
  };
  /** Since when the broadcast is on, over reconnections, ISO 8601. */
  readonly startedAt: string;
  readonly tracks: readonly TrackDescription[];
  /** Measured over all tracks of the publisher, bits per second. */
  readonly bitrate: number;
  readonly bFrames: boolean;
  /** Newest media time, µs since the Unix epoch. */
  readonly mediaTimeUs?: number;
  readonly pendingTimedMessages: number;
  readonly warnings: readonly BroadcastWarning[];
}

/** Media tracks that are in the catalog, then the data tracks that the broadcast has beside them. */
export function describeTracks(
  lanes: TrackLanes,
  bridges: BroadcastBridges | undefined,
  broadcast: Broadcast,
): TrackDescription[] {
  const tracks: TrackDescription[] = [];
  for (const [name, track] of lanes.videos) {
    if (track.rendition !== undefined) tracks.push({ name, kind: "video", ...describeVideo(track) });
  }
  for (const [name, { rendition, meter }] of lanes.audios) {
    if (rendition === undefined) continue;
    tracks.push({
      name,
      kind: "audio",
      codec: rendition.codec,
      sampleRate: rendition.sampleRate,
      channels: rendition.numberOfChannels,
      bitrate: Math.round(meter.bitrateBps),
    });
  }
  for (const { name, source, rendition, active, bitrateBps } of bridges?.states() ?? []) {
    tracks.push({
      name,
      kind: "audio",
      codec: rendition.codec,
      sampleRate: rendition.sampleRate,
      channels: rendition.numberOfChannels,
      bitrate: Math.round(bitrateBps),
      bridgeOf: source,
      active,
    });
  }
  for (const [name, track] of broadcast.tracks) {
    if (!track.closed && !track.offered && !lanes.has(name)) tracks.push({ name, kind: "data" });
  }
  return tracks;
}

function describeVideo({ rendition, meter }: VideoTrack): Partial<TrackDescription> {
  return {
    ...(rendition?.codec === undefined ? {} : { codec: rendition.codec }),
    ...(rendition?.codedWidth === undefined ? {} : { width: rendition.codedWidth }),
    ...(rendition?.codedHeight === undefined ? {} : { height: rendition.codedHeight }),
    framerate: Math.round(meter.framerate * 10) / 10,
    bitrate: Math.round(meter.bitrateBps),
    ...(meter.keyframeIntervalMs === undefined
      ? {}
      : { keyframeIntervalMs: Math.round(meter.keyframeIntervalMs) }),
  };
}

/** What the tracks show of the publisher's health. */
export function observeTracks(
  lanes: TrackLanes,
  connected: boolean,
): Pick<
  BroadcastObservation,
  "hasVideo" | "hasAudio" | "keyframeIntervalMs" | "awaitsKeyframe" | "droppedFrames"
> {
  let keyframeIntervalMs: number | undefined;
  let droppedFrames = 0;
  let awaitsKeyframe = false;
  let hasVideo = false;
  let hasAudio = false;
  for (const { meter, lane } of lanes.videos.values()) {
    hasVideo ||= isFlowing(meter) || meter.droppedFrames > 0;
    awaitsKeyframe ||= lane.awaitsKeyframe;
    droppedFrames += meter.droppedFrames;
    const current = connected ? meter.sinceKeyframeMs(meter.newestUs ?? 0) : 0;
    const interval = Math.max(meter.keyframeIntervalMs ?? 0, current);
    if (interval > 0) keyframeIntervalMs = Math.max(keyframeIntervalMs ?? 0, interval);
  }
  for (const { meter } of lanes.audios.values()) hasAudio ||= isFlowing(meter);
  return { hasVideo, hasAudio, keyframeIntervalMs, awaitsKeyframe, droppedFrames };
}

function isFlowing(meter: {
  readonly measuredSeconds: number;
  readonly framerate: number;
  readonly frames: number;
}): boolean {
  return meter.measuredSeconds > 0 ? meter.framerate > 0 : meter.frames > 0;
}
