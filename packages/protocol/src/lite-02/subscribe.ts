import type { MessageCodec, SubscribeCodec, SubscribeMessage } from "../dialect.ts";
import { trackInfoWithoutTimescale } from "./track.ts";

/** `msg{ id i, broadcast s, track s, priority u8 }` (moq-lite, SUBSCRIBE). */
const request: MessageCodec<SubscribeMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(message.id);
    writer.string(message.broadcast);
    writer.string(message.track);
    writer.u8(message.options.priority);
    writer.endMessage(start);
  },
  read(body) {
    const id = body.varint();
    const broadcast = body.path();
    const track = body.string();
    const priority = body.u8();
    body.end();
    const options = {
      priority,
      ordered: false,
      maxLatencyMs: 0,
      startGroup: undefined,
      endGroup: undefined,
    };
    return { id, broadcast, track, options };
  },
};

/** Accepted by an empty message without a tag; there is no update, no drop, and the end is only the FIN. */
export const subscribeCodec: SubscribeCodec = {
  request,
  update: undefined,
  writeReply(writer, reply) {
    if (reply.kind === "ok") {
      writer.endMessage(writer.beginMessage());
    }
  },
  readReply(input) {
    const body = input.message();
    if (body === undefined) {
      return undefined;
    }
    body.end();
    return { kind: "ok", info: trackInfoWithoutTimescale(0, false) };
  },
};
