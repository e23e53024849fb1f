import type { MessageCodec, TrackCodec, TrackMessage } from "../dialect.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { TrackInfo } from "../session-interface.ts";

/** TRACK: `msg{ broadcast s, track s }` (moq-lite, TRACK). */
const request: MessageCodec<TrackMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.string(message.broadcast);
    writer.string(message.track);
    writer.endMessage(start);
  },
  read(body) {
    const message = { broadcast: body.path(), track: body.string() };
    body.end();
    return message;
  },
};

/** TRACK_INFO: `msg{ priority u8, ordered u8, max latency i, timescale i }`; the timescale is never 0. */
const info: MessageCodec<TrackInfo> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.u8(message.priority);
    writer.bool(message.ordered);
    writer.varint(message.maxLatencyMs);
    writer.varint(message.timescale);
    writer.endMessage(start);
  },
  read(body) {
    const message = {
      priority: body.u8(),
      ordered: body.bool(),
      maxLatencyMs: body.varint(),
      timescale: body.varint(),
    };
    body.end();
    if (message.timescale === 0) {
      throw new ProtocolError("malformed", "a timescale of 0");
    }
    return message;
  },
};

export const trackCodec: TrackCodec = { request, info };
