export {
  DEFAULT_WEBHOOK_OPTIONS,
  signWebhook,
  type WebhookEvent,
  type WebhookEventType,
  type WebhookOptions,
} from "./api/webhook-sender.ts";
export { type AudioBridgeOptions, DEFAULT_AUDIO_BRIDGE } from "./audio/bridge-options.ts";
export { startWorker } from "./audio/start-worker.ts";
export type { BridgeCodec, SourceFormat, TargetFormat, TranscodeFormat } from "./audio/transcode-format.ts";
export {
  DEFAULT_TRANSCODER_THREAD,
  TranscoderThread,
  type TranscoderThreadDeps,
  type TranscoderThreadOptions,
  type TranscoderWorker,
  type TranscoderWorkerEvents,
  type Transcoding,
  type TranscodingOutput,
} from "./audio/transcoder-thread.ts";

export {
  DEFAULT_RECORDING_OPTIONS,
  type RecordingOptions,
  type S3Options,
} from "./downstream/record/recording-options.ts";
export type { RecordingStorage, StoredBody } from "./downstream/record/recording-storage.ts";
export { S3Storage } from "./downstream/record/s3-storage.ts";
export {
  DEFAULT_RESTREAM_OPTIONS,
  type RestreamOptions,
} from "./downstream/restream/restream-options.ts";
export { BroadcastIngest } from "./ingest/broadcast-ingest.ts";
export {
  type BroadcastEvents,
  BroadcastRegistry,
  type BroadcastRegistryDeps,
} from "./ingest/broadcast-registry.ts";
export type { BroadcastWarning } from "./ingest/broadcast-warnings.ts";
export type { BroadcastDescription, TrackDescription } from "./ingest/describe-broadcast.ts";
export {
  DEFAULT_INGEST_OPTIONS,
  type IngestOptions,
  type PublisherConflict,
} from "./ingest/ingest-options.ts";
export { DEFAULT_MEDIA_CLOCK_OPTIONS, MediaClock, type MediaClockOptions } from "./ingest/media-clock.ts";
export type { Publisher, PublisherProtocol } from "./ingest/publisher.ts";
export { OriginError, type OriginErrorCode } from "./origin-error.ts";
export { OriginNode, type OriginNodeDeps, type OriginNodeOptions } from "./origin-node.ts";
export { DEFAULT_TIMED_LIMITS, type TimedLimits } from "./timed/timed-limits.ts";
export type { TimedRequest } from "./timed/timed-scheduler.ts";
export { type AuthorizePublish, createRtmpIngest, type RtmpIngestDeps } from "./upstream/rtmp/rtmp-ingest.ts";
export { DEFAULT_RTMP_LIMITS, type RtmpLimits } from "./upstream/rtmp/rtmp-limits.ts";
export { DEFAULT_RTMP_OPTIONS } from "./upstream/rtmp/rtmp-options.ts";
export { RtmpServer, type RtmpServerCounters, type RtmpServerOptions } from "./upstream/rtmp/rtmp-server.ts";
export { WhipIngest, type WhipIngestDeps } from "./upstream/whip/whip-ingest.ts";
export { DEFAULT_WHIP_OPTIONS, type WhipOptions } from "./upstream/whip/whip-options.ts";
