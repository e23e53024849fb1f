export interface RecordingOptions {
  /** Where recordings are made, and kept unless there is an object store. */
  readonly folder: string;
  /** Broadcasts that are recorded by themselves, as patterns: `live/*`, `live/**`. */
  readonly record: readonly string[];
  /** Recordings at one time. */
  readonly maxRecordings: number;
  /** A segment ends at the first keyframe after this, ms. */
  readonly segmentMs: number;
  /** How long a recording waits for a broadcast that ended, or for this origin's own restart, before it is finished. */
  readonly lingerMs: number;
  /** Finished recordings older than this are removed; 0: never. */
  readonly maxAgeMs: number;
  /** The oldest finished recordings are removed while all of them together are larger; 0: never. */
  readonly maxBytes: number;
  readonly s3: S3Options | undefined;
}

export interface S3Options {
  /** `https://host[:port]`; the bucket is named in the path. */
  readonly endpoint: string;
  readonly bucket: string;
  /** In front of every key, without slash at the end. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export const DEFAULT_RECORDING_OPTIONS: RecordingOptions = {
  folder: "recordings",
  record: [],
  maxRecordings: 50,
  segmentMs: 4_000,
  lingerMs: 60_000,
  maxAgeMs: 0,
  maxBytes: 0,
  s3: undefined,
};
