import type { GroupCodec, GroupHeader, MessageCodec } from "../dialect.ts";

/** `msg{ subscribe id i, group sequence i }` (moq-lite, GROUP). */
export const groupHeader: MessageCodec<GroupHeader> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(message.subscribeId);
    writer.varint(message.sequence);
    writer.endMessage(start);
  },
  read(body) {
    const message = { subscribeId: body.varint(), sequence: body.varint() };
    body.end();
    return message;
  },
};

export const groupCodec: GroupCodec = { header: groupHeader, timestamps: true };
