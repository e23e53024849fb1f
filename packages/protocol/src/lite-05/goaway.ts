import type { MessageCodec } from "../dialect.ts";

/** `msg{ uri s }` (moq-lite, PROBE and GOAWAY). */
export const goawayCodec: MessageCodec<string> = {
  write(writer, uri) {
    const start = writer.beginMessage();
    writer.string(uri);
    writer.endMessage(start);
  },
  read(body) {
    const uri = body.string();
    body.end();
    return uri;
  },
};
