/** Body of `POST /v1/restreams`. */
export const RESTREAM_BODY_SCHEMA = {
  type: "object",
  required: ["broadcast", "target"],
  additionalProperties: false,
  properties: {
    broadcast: {
      type: "string",
      minLength: 1,
      maxLength: 256,
      description: "Path; one that is not published yet is waited for.",
    },
    target: {
      type: "string",
      minLength: 1,
      maxLength: 2_048,
      description: "`rtmp[s]://host[:port]/app/stream`, with the stream key.",
    },
  },
} as const;

export const RESTREAM_SCHEMA = {
  type: "object",
  required: ["id", "broadcast", "target", "state", "since", "createdAt", "bytes", "retries", "droppedFrames"],
  properties: {
    id: { type: "string" },
    broadcast: { type: "string" },
    target: { type: "string", description: "Without the stream key, of which at most the end is shown." },
    state: {
      type: "string",
      enum: ["waiting", "connecting", "live", "retrying"],
      description: "`waiting` is for the broadcast, `retrying` after a failure of the target.",
    },
    since: { type: "string", format: "date-time", description: "When it came into this state." },
    createdAt: { type: "string", format: "date-time" },
    bytes: { type: "integer", description: "Sent to the target." },
    retries: { type: "integer", description: "Connections after the first one." },
    droppedFrames: { type: "integer" },
    tracks: {
      type: "object",
      properties: { video: { type: "string" }, audio: { type: "string" } },
      description: "Codecs of what is sent.",
    },
    error: {
      type: "object",
      description: "The last failure, while the restream has not been live since.",
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        at: { type: "string", format: "date-time" },
      },
    },
  },
} as const;

export const RESTREAM_LIST_SCHEMA = {
  type: "object",
  required: ["restreams"],
  properties: { restreams: { type: "array", items: RESTREAM_SCHEMA } },
} as const;

export const CREATED_SCHEMA = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string" } },
} as const;
