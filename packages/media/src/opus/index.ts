export { encodeOpusHead, type OpusHead, parseOpusHead } from "./opus-head.ts";
export { opusPacketChannels, opusPacketDurationUs } from "./packet.ts";
