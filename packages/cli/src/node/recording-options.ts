import { resolve } from "node:path";
import type { RecordingOptions, S3Options } from "@canopy/origin";
import { ConfigError, type GroupValues } from "@canopy/runtime";
import type { recordingGroup } from "../config/recording-group.ts";

type RecordingConfig = GroupValues<typeof recordingGroup>;

const BYTES_PER_MEGABYTE = 1_000_000;

/** The settings of recordings, checked against each other. */
export function recordingOptions(config: RecordingConfig): RecordingOptions {
  const { record, maxRecordings, segmentMs, lingerMs, maxAgeSeconds = 0, maxMegabytes = 0 } = config;
  return {
    folder: resolve(config.folder),
    record,
    maxRecordings,
    segmentMs,
    lingerMs,
    maxAgeMs: maxAgeSeconds * 1_000,
    maxBytes: maxMegabytes * BYTES_PER_MEGABYTE,
    s3: s3Options(config),
  };
}

function s3Options(config: RecordingConfig): S3Options | undefined {
  const { s3Endpoint: endpoint, s3Bucket: bucket, s3AccessKey: accessKey, s3SecretKey: secretKey } = config;
  if (endpoint === undefined && bucket === undefined) return undefined;
  if (endpoint === undefined || !/^https?:\/\/[^/]+\/?$/.test(endpoint)) {
    throw wrong("--s3-endpoint is https://host[:port]", "--s3-endpoint");
  }
  if (bucket === undefined || accessKey === undefined || secretKey === undefined) {
    throw wrong("--s3-endpoint needs --s3-bucket, --s3-access-key and --s3-secret-key", "--s3-bucket");
  }
  const prefix = (config.s3Prefix ?? "").replace(/^\/+|\/+$/g, "");
  return { endpoint, bucket, prefix, region: config.s3Region, accessKey, secretKey };
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
