import type { ByteReader } from "../codec/byte-reader.ts";
import type { ByteWriter } from "../codec/byte-writer.ts";
import type { MessageCodec, SubscribeCodec, SubscribeMessage } from "../dialect.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { SubscribeOptions } from "../session-interface.ts";

/** Tags in front of the replies (moq-lite, SUBSCRIBE). */
const TAG_START = 0;
const TAG_END = 1;
const TAG_DROP = 2;

/** `priority u8, ordered u8, latency i, start i, end i`; groups are 0 for "none given", else group + 1. */
export function writeOptions(writer: ByteWriter, options: SubscribeOptions): void {
  writer.u8(options.priority);
  writer.bool(options.ordered);
  writer.varint(options.maxLatencyMs);
  writer.varint(options.startGroup === undefined ? 0 : options.startGroup + 1);
  writer.varint(options.endGroup === undefined ? 0 : options.endGroup + 1);
}

export function readOptions(body: ByteReader): SubscribeOptions {
  return {
    priority: body.u8(),
    ordered: body.bool(),
    maxLatencyMs: body.varint(),
    startGroup: groupOf(body.varint()),
    endGroup: groupOf(body.varint()),
  };
}

function groupOf(field: number): number | undefined {
  return field === 0 ? undefined : field - 1;
}

/** `msg{ id i, broadcast s, track s, options }`. */
const request: MessageCodec<SubscribeMessage> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(message.id);
    writer.string(message.broadcast);
    writer.string(message.track);
    writeOptions(writer, message.options);
    writer.endMessage(start);
  },
  read(body) {
    const message = {
      id: body.varint(),
      broadcast: body.path(),
      track: body.string(),
      options: readOptions(body),
    };
    body.end();
    return message;
  },
};

/** SUBSCRIBE_UPDATE: `msg{ options }`. */
const update: MessageCodec<SubscribeOptions> = {
  write(writer, options) {
    const start = writer.beginMessage();
    writeOptions(writer, options);
    writer.endMessage(start);
  },
  read(body) {
    const options = readOptions(body);
    body.end();
    return options;
  },
};

/** `tag`, `msg{ start i, end i inclusive, code i }`. */
export function writeDrop(writer: ByteWriter, tag: number, start: number, end: number, code: number): void {
  writer.varint(tag);
  const at = writer.beginMessage();
  writer.varint(start);
  writer.varint(end);
  writer.varint(code);
  writer.endMessage(at);
}

export function readDrop(body: ByteReader): { kind: "drop"; start: number; end: number; code: number } {
  const drop = { kind: "drop" as const, start: body.varint(), end: body.varint(), code: body.varint() };
  body.end();
  return drop;
}

function writeGroup(writer: ByteWriter, tag: number, group: number): void {
  writer.varint(tag);
  const at = writer.beginMessage();
  writer.varint(group);
  writer.endMessage(at);
}

function readGroup(body: ByteReader): number {
  const group = body.varint();
  body.end();
  return group;
}

export const subscribeCodec: SubscribeCodec = {
  request,
  update,
  writeReply(writer, reply) {
    switch (reply.kind) {
      case "ok":
        return; // acceptance is implicit
      case "start":
        writeGroup(writer, TAG_START, reply.group);
        return;
      case "end":
        writeGroup(writer, TAG_END, reply.group);
        return;
      case "drop":
        writeDrop(writer, TAG_DROP, reply.start, reply.end, reply.code);
        return;
    }
  },
  readReply(input) {
    const message = input.tagged();
    if (message === undefined) {
      return undefined;
    }
    switch (message.tag) {
      case TAG_START:
        return { kind: "start", group: readGroup(message.body) };
      case TAG_END:
        return { kind: "end", group: readGroup(message.body) };
      case TAG_DROP:
        return readDrop(message.body);
      default:
        throw new ProtocolError("malformed", `${message.tag} is no reply to SUBSCRIBE`);
    }
  },
};
