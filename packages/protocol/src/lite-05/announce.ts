import type { ByteReader } from "../codec/byte-reader.ts";
import type { ByteWriter } from "../codec/byte-writer.ts";
import type {
  AnnounceCodec,
  Announcement,
  AnnounceOk,
  AnnounceRequestMessage,
  MessageCodec,
} from "../dialect.ts";
import { MAX_HOPS } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";

const STATUSES = ["ended", "active", "restarted"] as const;

export function writeStatus(writer: ByteWriter, status: Announcement["status"]): void {
  writer.u8(STATUSES.indexOf(status));
}

export function readStatus(body: ByteReader): Announcement["status"] {
  const status = STATUSES[body.u8()];
  if (status === undefined) {
    throw new ProtocolError("malformed", "an announcement has no known status");
  }
  return status;
}

export function readHopCount(body: ByteReader): number {
  const count = body.varint();
  if (count > MAX_HOPS) {
    throw new ProtocolError("too-large", `a hop chain of ${count} ids`);
  }
  return count;
}

/** `msg{ prefix s, exclude i }` (moq-lite, ANNOUNCE). */
const request: MessageCodec<AnnounceRequestMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.string(message.prefix);
    writer.varint(message.excludeHop);
    writer.endMessage(start);
  },
  read(body) {
    const message = { prefix: body.path(), excludeHop: body.varint() };
    body.end();
    return message;
  },
};

/** `msg{ status u8, suffix s, n i, n x hop i }`; an ended one has no hops. */
const announcement: MessageCodec<Announcement> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writeStatus(writer, message.status);
    writer.string(message.suffix);
    writer.varint(message.hops.length);
    for (const hop of message.hops) {
      writer.varint(hop);
    }
    writer.endMessage(start);
  },
  read(body) {
    const status = readStatus(body);
    const suffix = body.path();
    const count = readHopCount(body);
    const hops: number[] = [];
    for (let index = 0; index < count; index++) {
      hops.push(body.varint());
    }
    body.end();
    return { status, suffix, hops };
  },
};

/** `msg{ hop i, active i }`. */
const ok: MessageCodec<AnnounceOk> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(message.hop);
    writer.varint(message.active);
    writer.endMessage(start);
  },
  read(body) {
    const message = { hop: body.varint(), active: body.varint() };
    body.end();
    return message;
  },
};

export const announceCodec: AnnounceCodec = {
  request,
  announcement,
  ok,
  init: undefined,
  senderInHops: false,
  repeated: "replaces",
};
