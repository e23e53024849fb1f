import { MediaError } from "../media-error.ts";
import type { RtpStream } from "./rtp-stream.ts";

/** Six frames of 1,275 bytes with their lengths (RFC 6716 §3.2, appendix B) is the most that 120 ms can take. */
export const MAX_OPUS_PACKET_BYTES = 7_662;

/** RFC 7587 §4.2: the payload is one Opus packet as it is. */
export class OpusPacketizer {
  readonly #stream: RtpStream;

  constructor(stream: RtpStream) {
    this.#stream = stream;
  }

  /**
   * One RTP packet in a buffer of its own, which is the caller's. `marker`: the first one after a silence that was
   * not sent (RFC 3551 §4.1). @throws MediaError "truncated" for no bytes, "too-large".
   */
  packetize(frame: Uint8Array, timestamp: number, marker = false): Uint8Array<ArrayBuffer> {
    if (frame.length === 0) throw new MediaError("truncated", "empty Opus packet", { field: "opus" });
    if (frame.length > MAX_OPUS_PACKET_BYTES) {
      throw new MediaError("too-large", "Opus packet over the size limit", {
        field: "opus",
        limit: MAX_OPUS_PACKET_BYTES,
        actual: frame.length,
      });
    }
    const { headerBytes } = this.#stream;
    const packet = new Uint8Array(headerBytes + frame.length);
    this.#stream.writeHeader(packet, marker, timestamp);
    packet.set(frame, headerBytes);
    return packet;
  }
}
