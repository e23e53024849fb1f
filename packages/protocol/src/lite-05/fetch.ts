import type { FetchMessage, MessageCodec } from "../dialect.ts";

/** `msg{ broadcast s, track s, priority u8, group i }`; the answer is bare frames (moq-lite, FETCH). */
export const fetchCodec: MessageCodec<FetchMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.string(message.broadcast);
    writer.string(message.track);
    writer.u8(message.priority);
    writer.varint(message.group);
    writer.endMessage(start);
  },
  read(body) {
    const message = {
      broadcast: body.path(),
      track: body.string(),
      priority: body.u8(),
      group: body.varint(),
    };
    body.end();
    return message;
  },
};
