import type { MessageCodec, ProbeReport } from "../dialect.ts";

/** `msg{ bitrate i }`, without the round-trip time of lite-04 (moq-lite, PROBE and GOAWAY). */
export const probeCodec: MessageCodec<ProbeReport> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(Math.round(message.bitrateBps));
    writer.endMessage(start);
  },
  read(body) {
    const message = { bitrateBps: body.varint(), rttMs: 0 };
    body.end();
    return message;
  },
};
