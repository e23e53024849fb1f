import type { DatagramMessage, MessageCodec } from "../dialect.ts";

/** `subscribe id i, group sequence i, timestamp i, payload`, without a length (moq-lite, datagrams). */
export const datagramCodec: MessageCodec<DatagramMessage> = {
  write(writer, message) {
    writer.varint(message.subscribeId);
    writer.varint(message.sequence);
    writer.varint(message.timestamp);
    writer.bytes(message.payload);
  },
  read(body) {
    return {
      subscribeId: body.varint(),
      sequence: body.varint(),
      timestamp: body.varint(),
      payload: body.rest(),
    };
  },
};
