import { MAX_ZIGZAG } from "../codec/varint.ts";
import type { DatagramMessage, MessageCodec } from "../dialect.ts";
import { ProtocolError } from "../protocol-error.ts";

/** `subscribe id i, group sequence i, timestamp i, payload`, without a length (moq-lite, datagrams). */
export const datagramCodec: MessageCodec<DatagramMessage> = {
  write(writer, message) {
    writer.varint(message.subscribeId);
    writer.varint(message.sequence);
    writer.varint(message.timestamp);
    writer.bytes(message.payload);
  },
  read(body) {
    const message = {
      subscribeId: body.varint(),
      sequence: body.varint(),
      timestamp: body.varint(),
      payload: body.rest(),
    };
    // In a group's stream, where it may have to go on, a timestamp has one bit less.
    if (message.timestamp > MAX_ZIGZAG) {
      throw new ProtocolError("too-large", "a timestamp that no frame can have");
    }
    return message;
  },
};
