import type { AnnounceCodec, Announcement, MessageCodec } from "../dialect.ts";
import { announceCodec as newer } from "../lite-03/announce.ts";
import { readStatus, writeStatus } from "../lite-05/announce.ts";
import { ProtocolError } from "../protocol-error.ts";

/** `msg{ status u8, suffix s }` (moq-lite, ANNOUNCE). */
const announcement: MessageCodec<Announcement> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writeStatus(writer, message.status);
    writer.string(message.suffix);
    writer.endMessage(start);
  },
  read(body) {
    const message = { status: readStatus(body), suffix: body.path(), hops: [] };
    body.end();
    return message;
  },
};

/** ANNOUNCE_INIT: `msg{ count i, count x suffix s }`, always the first message, also when it is empty. */
const init: MessageCodec<readonly string[]> = {
  write(writer, suffixes) {
    const start = writer.beginMessage();
    writer.varint(suffixes.length);
    for (const suffix of suffixes) {
      writer.string(suffix);
    }
    writer.endMessage(start);
  },
  read(body) {
    const count = body.varint();
    // Every suffix takes a byte at least: a larger count cannot be true.
    if (count > body.remaining) {
      throw new ProtocolError("malformed", `${count} suffixes in ${body.remaining} bytes`);
    }
    const suffixes: string[] = [];
    for (let index = 0; index < count; index++) {
      suffixes.push(body.path());
    }
    body.end();
    return suffixes;
  },
};

export const announceCodec: AnnounceCodec = {
  ...newer,
  announcement,
  init,
  senderInHops: false,
  repeated: "replaces",
};
