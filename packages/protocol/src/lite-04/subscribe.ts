import type { SubscribeCodec } from "../dialect.ts";
import {
  subscribeCodec as newer,
  readDrop,
  readOptions,
  writeDrop,
  writeOptions,
} from "../lite-05/subscribe.ts";
import { ProtocolError } from "../protocol-error.ts";
import { trackInfoWithoutTimescale } from "./track.ts";

/** Tags in front of the replies (moq-lite, SUBSCRIBE). */
const TAG_OK = 0;
const TAG_DROP = 1;

/** As lite-05, but accepted by `OK msg{ options }`, and the end is only the FIN. */
export const subscribeCodec: SubscribeCodec = {
  request: newer.request,
  update: newer.update,
  writeReply(writer, reply, options) {
    switch (reply.kind) {
      case "ok": {
        // The answer repeats what was asked, as the peers expect; the track's own values have no place in it.
        writer.varint(TAG_OK);
        const start = writer.beginMessage();
        writeOptions(writer, options);
        writer.endMessage(start);
        return;
      }
      case "drop":
        writeDrop(writer, TAG_DROP, reply.start, reply.end, reply.code);
        return;
      case "start":
      case "end":
        return;
    }
  },
  readReply(input) {
    const message = input.tagged();
    if (message === undefined) {
      return undefined;
    }
    switch (message.tag) {
      case TAG_OK: {
        const options = readOptions(message.body);
        message.body.end();
        return { kind: "ok", info: trackInfoWithoutTimescale(options.priority, options.ordered) };
      }
      case TAG_DROP:
        return readDrop(message.body);
      default:
        throw new ProtocolError("malformed", `${message.tag} is no reply to SUBSCRIBE`);
    }
  },
};
