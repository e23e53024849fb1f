/** Body of `POST /v1/recordings`. */
export const RECORDING_BODY_SCHEMA = {
  type: "object",
  oneOf: [{ required: ["broadcast"] }, { required: ["room"] }],
  additionalProperties: false,
  properties: {
    room: {
      type: "string",
      minLength: 1,
      maxLength: 256,
      description:
        "Every broadcast whose path is under it, live now or later, is recorded until this is stopped.",
    },
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
    room: { type: "string", description: "The room in whose recording it was made." },
    roomRecording: { type: "string", description: "Id of the room's recording." },
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

export const ROOM_RECORDING_SCHEMA = {
  type: "object",
  required: ["id", "room", "state", "createdAt", "recordings", "durationSeconds", "bytes", "events"],
  properties: {
    id: { type: "string" },
    room: { type: "string" },
    state: {
      type: "string",
      enum: ["waiting", "recording", "finishing", "ready", "failed"],
      description:
        "`waiting` is for any broadcast of the room; a `failed` one was stopped without any media.",
    },
    createdAt: { type: "string", format: "date-time" },
    finishedAt: { type: "string", format: "date-time" },
    recordings: {
      type: "array",
      items: { type: "string" },
      description: "Ids of the recordings of its broadcasts, newest first.",
    },
    durationSeconds: { type: "number", description: "Sum over its recordings." },
    bytes: { type: "integer" },
    events: { type: "integer" },
    error: {
      type: "object",
      properties: { code: { type: "string" }, message: { type: "string" } },
    },
  },
} as const;

export const RECORDING_LIST_SCHEMA = {
  type: "object",
  required: ["recordings", "rooms"],
  properties: {
    recordings: { type: "array", items: RECORDING_SCHEMA },
    rooms: { type: "array", items: ROOM_RECORDING_SCHEMA },
  },
} as const;

export const RECORDING_QUERY_SCHEMA = {
  type: "object",
  properties: {
    purge: { type: "string", enum: ["true", "false"], description: "Also deletes the files." },
    jwt: { type: "string" },
  },
} as const;

/** Of one id: the recording of a broadcast, or that of a room. */
export const ANY_RECORDING_SCHEMA = { anyOf: [RECORDING_SCHEMA, ROOM_RECORDING_SCHEMA] } as const;
