import { decodeLegacyFrame } from "@canopy/media/container";
import { decodeTimedMessage, type TimedMessage } from "@canopy/media/timed";

const OPEN_BRACE = 0x7b;

/** A frame of the `timed` track: the message's JSON, with or without the container's timestamp in front. */
export function readTrackMessage(payload: Uint8Array): TimedMessage {
  // A container timestamp of wall-clock time takes eight bytes and starts with 0xc0, never with a brace.
  return decodeTimedMessage(payload[0] === OPEN_BRACE ? payload : decodeLegacyFrame(payload).payload);
}
