/** Body of `POST /v1/recordings`. */
export const RECORDING_BODY_SCHEMA = {
  type: "object",
  required: ["broadcast"],
  additionalProperties: false,
  properties: {
    broadcast: {
      type: "string",
      minLength: 1,
      maxLength: 256,
      description: "Path; one that is not published yet is waited for.",
    },
  },
} as const;

export const RECORDING_SCHEMA = {
  type: "object",
  required: ["id", "broadcast", "state", "createdAt", "durationSeconds", "bytes", "events"],
  properties: {
    id: { type: "string" },
    broadcast: { type: "string" },
    state: {
      type: "string",
      enum: ["waiting", "recording", "finishing", "ready", "failed"],
      description: "`waiting` is for the broadcast; a `failed` one ended without any media.",
    },
    createdAt: { type: "string", format: "date-time" },
    finishedAt: { type: "string", format: "date-time" },
    durationSeconds: { type: "number" },
    bytes: { type: "integer" },
    events: { type: "integer", description: "Timed messages." },
    playlist: {
      type: "string",
      description: "Path of the HLS playlist, which grows while the recording runs.",
    },
    video: { type: "string", description: "Path of the MP4, once the recording is ready." },
    timeline: { type: "string", description: "Path of the timed messages with their moments." },
    pendingUploads: { type: "integer", description: "Files that are not in the object store yet." },
    error: {
      type: "object",
      properties: { code: { type: "string" }, message: { type: "string" } },
    },
  },
} as const;

export const RECORDING_LIST_SCHEMA = {
  type: "object",
  required: ["recordings"],
  properties: { recordings: { type: "array", items: RECORDING_SCHEMA } },
} as const;

export const RECORDING_QUERY_SCHEMA = {
  type: "object",
  properties: {
    purge: { type: "string", enum: ["true", "false"], description: "Also deletes the files." },
    jwt: { type: "string" },
  },
} as const;
