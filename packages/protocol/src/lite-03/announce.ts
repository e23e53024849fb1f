import type { AnnounceCodec, Announcement, AnnounceRequestMessage, MessageCodec } from "../dialect.ts";
import { announceCodec as newer } from "../lite-04/announce.ts";
import { readHopCount, readStatus, writeStatus } from "../lite-05/announce.ts";

/** `msg{ prefix s }` (moq-lite, ANNOUNCE). */
const request: MessageCodec<AnnounceRequestMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.string(message.prefix);
    writer.endMessage(start);
  },
  read(body) {
    const message = { prefix: body.path(), excludeHop: 0 };
    body.end();
    return message;
  },
};

/** `msg{ status u8, suffix s, hop count i }`: the ids themselves are not sent. */
const announcement: MessageCodec<Announcement> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writeStatus(writer, message.status);
    writer.string(message.suffix);
    writer.varint(message.hops.length);
    writer.endMessage(start);
  },
  read(body) {
    const status = readStatus(body);
    const suffix = body.path();
    const hops = new Array<number>(readHopCount(body)).fill(0);
    body.end();
    return { status, suffix, hops };
  },
};

export const announceCodec: AnnounceCodec = { ...newer, request, announcement };
