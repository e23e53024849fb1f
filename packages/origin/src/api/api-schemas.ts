import { MAX_REPEAT } from "../timed/timed-limits.ts";

/** Body of `POST /v1/broadcasts/<broadcast>/timed`. */
export const TIMED_BODY_SCHEMA = {
  type: "object",
  required: ["type", "data"],
  additionalProperties: false,
  properties: {
    type: { type: "string", minLength: 1, maxLength: 64, description: "Such as quiz, lyric or cue." },
    data: { description: "Any JSON; the whole message has at most 1,024 bytes." },
    at: {
      type: "integer",
      minimum: 0,
      description:
        "Media time in microseconds since the Unix epoch; a time that has passed becomes the next frame.",
    },
    delayMs: {
      type: "number",
      minimum: 0,
      maximum: 3_600_000,
      description: "Milliseconds from now, instead of `at`.",
    },
    repeat: {
      type: "integer",
      minimum: 1,
      maximum: MAX_REPEAT,
      description: "Consecutive video frames that carry the message; default 3.",
    },
  },
} as const;

export const TIMED_RESPONSE_SCHEMA = {
  type: "object",
  required: ["id", "at"],
  properties: {
    id: { type: "string", description: "ULID of the message." },
    at: {
      type: "integer",
      description: "Media time for which it was accepted, microseconds since the Unix epoch.",
    },
  },
} as const;

const TRACK_SCHEMA = {
  type: "object",
  required: ["name", "kind"],
  properties: {
    name: { type: "string" },
    kind: { type: "string", enum: ["video", "audio", "data"] },
    codec: { type: "string" },
    width: { type: "integer" },
    height: { type: "integer" },
    sampleRate: { type: "integer" },
    channels: { type: "integer" },
    framerate: { type: "number", description: "Measured." },
    bitrate: { type: "integer", description: "Measured, bits per second." },
    keyframeIntervalMs: { type: "integer" },
    bridgeOf: {
      type: "string",
      description: "The track that this one is transcoded from, while somebody follows it.",
    },
    active: { type: "boolean", description: "Of a bridged track: it is being made now." },
  },
} as const;

export const BROADCAST_SCHEMA = {
  type: "object",
  required: ["broadcast", "publisher", "startedAt", "tracks", "bitrate", "bFrames", "warnings"],
  properties: {
    broadcast: { type: "string", description: "Path." },
    publisher: {
      type: "object",
      required: ["protocol", "connected", "since"],
      properties: {
        protocol: { type: "string", enum: ["rtmp", "moq", "whip"] },
        connected: {
          type: "boolean",
          description: "False while the broadcast waits for its publisher to come back.",
        },
        since: { type: "string", format: "date-time" },
      },
    },
    startedAt: { type: "string", format: "date-time" },
    tracks: { type: "array", items: TRACK_SCHEMA },
    bitrate: { type: "integer", description: "Measured over the publisher's tracks, bits per second." },
    bFrames: { type: "boolean", description: "The video cannot go through WebRTC." },
    mediaTimeUs: { type: "integer", description: "Newest media time, microseconds since the Unix epoch." },
    pendingTimedMessages: { type: "integer" },
    warnings: {
      type: "array",
      items: {
        type: "object",
        required: ["code", "message"],
        properties: { code: { type: "string" }, message: { type: "string" } },
      },
    },
  },
} as const;

export const BROADCAST_LIST_SCHEMA = {
  type: "object",
  required: ["broadcasts"],
  properties: { broadcasts: { type: "array", items: BROADCAST_SCHEMA } },
} as const;
