export { TimedMessageDeduplicator } from "./deduplicator.ts";
export {
  encodeTimedSei,
  SEI_TIMED_PLAIN,
  SEI_USER_DATA_UNREGISTERED,
  type SeiCodec,
  TIMED_SEI_UUID,
  type TimedSeiOptions,
} from "./encode-sei.ts";
export { decodeGoawayMessage, encodeGoawayMessage } from "./goaway-message.ts";
export {
  decodeTimedMessage,
  encodeTimedMessage,
  type Json,
  MAX_TIMED_MESSAGE_BYTES,
  type TimedMessage,
  validateTimedMessage,
} from "./message.ts";
export { type ReadTimedMessage, readTimedMessages } from "./read-sei.ts";
