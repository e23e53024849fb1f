import type { MessageCodec, ProbeReport } from "../dialect.ts";

/** `msg{ bitrate i, rtt ms i }`; 0 = unknown (moq-lite, PROBE and GOAWAY). */
export const probeCodec: MessageCodec<ProbeReport> = {
  write(writer, message) {
    const start = writer.beginMessage();
    writer.varint(Math.round(message.bitrateBps));
    writer.varint(Math.round(message.rttMs));
    writer.endMessage(start);
  },
  read(body) {
    const message = { bitrateBps: body.varint(), rttMs: body.varint() };
    body.end();
    return message;
  },
};
