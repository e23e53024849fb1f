import type { MessageCodec } from "../dialect.ts";

/** `msg{ uri s }` (moq-digest §1.10). */
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
