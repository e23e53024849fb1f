import { defineGroup, durationOption, listOption, numberOption, textOption } from "@canopy/runtime";

export const recordingGroup = defineGroup("Broadcasts that are recorded, and where recordings are kept.", {
  folder: textOption({
    name: "recordings-dir",
    default: "recordings",
    description:
      "Folder in which recordings are made, and kept if there is no object store; made when it is first needed.",
  }),
  record: listOption({
    name: "record",
    description:
      "Broadcasts that are recorded by themselves, such as `live/*` (one segment) or `live/**` (all below); several may be given.",
  }),
  maxRecordings: numberOption({
    name: "max-recordings",
    default: 50,
    min: 0,
    max: 10_000,
    description: "Recordings at one time.",
  }),
  segmentMs: numberOption({
    name: "recording-segment",
    default: 4_000,
    min: 500,
    max: 60_000,
    unit: "ms",
    description: "A segment ends at the first keyframe after this; a crash loses at most one.",
  }),
  lingerMs: numberOption({
    name: "recording-linger",
    default: 60_000,
    min: 0,
    max: 86_400_000,
    unit: "ms",
    description: "How long a recording waits for its broadcast to come back before it is finished.",
  }),
  maxAgeSeconds: durationOption({
    name: "recordings-max-age",
    defaultSeconds: undefined,
    description: "Finished recordings that are older are removed. Unset: they are kept.",
  }),
  maxMegabytes: numberOption({
    name: "recordings-max-size",
    default: undefined,
    min: 1,
    max: 1_000_000_000,
    unit: "MB",
    description: "The oldest finished recordings are removed while all together are larger. Unset: never.",
  }),
  s3Endpoint: textOption({
    name: "s3-endpoint",
    default: undefined,
    description: "Object store that finished files go to: `https://host[:port]`, S3-compatible.",
  }),
  s3Bucket: textOption({ name: "s3-bucket", default: undefined, description: "Bucket of the object store." }),
  s3Prefix: textOption({
    name: "s3-prefix",
    default: undefined,
    description: "In front of the keys in the bucket, such as `canopy/recordings`.",
  }),
  s3Region: textOption({ name: "s3-region", default: "us-east-1", description: "Region of the bucket." }),
  s3AccessKey: textOption({
    name: "s3-access-key",
    default: undefined,
    description: "Access key of the object store.",
  }),
  s3SecretKey: textOption({
    name: "s3-secret-key",
    default: undefined,
    description: "Secret of the access key; better given as `CANOPY_S3_SECRET_KEY` than as a flag.",
  }),
});
