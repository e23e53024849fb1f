import { MediaError } from "../media-error.ts";

/**
 * The TOC byte of a packet, RFC 6716 §3.1: `config(5) stereo(1) frameCountCode(2)`. With code 3 a second byte
 * `vbr(1) padding(1) count(6)` follows.
 */

/** Frame duration in µs by config: SILK 0 to 11, hybrid 12 to 15, CELT 16 to 31 (table 2). */
function frameDurationUs(config: number): number {
  if (config < 12) return [10_000, 20_000, 40_000, 60_000][config & 3] as number;
  if (config < 16) return (config & 1) === 0 ? 10_000 : 20_000;
  return 2_500 << (config & 3);
}

/** A packet is at most 120 ms (§3.4 R5). */
const MAX_PACKET_US = 120_000;

function frameCount(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw new MediaError("truncated", "empty Opus packet", { field: "opus" });
  const code = toc & 3;
  if (code < 3) return code === 0 ? 1 : 2;
  const second = packet[1];
  if (second === undefined)
    throw new MediaError("truncated", "Opus packet without frame count", { field: "opus" });
  const count = second & 0x3f;
  if (count === 0) throw new MediaError("malformed", "Opus packet of no frames", { field: "opus" });
  return count;
}

/** How long the packet plays, µs: 2,500 to 120,000. @throws MediaError "truncated", "malformed". */
export function opusPacketDurationUs(packet: Uint8Array): number {
  const durationUs = frameCount(packet) * frameDurationUs((packet[0] as number) >>> 3);
  if (durationUs > MAX_PACKET_US) {
    throw new MediaError("malformed", "Opus packet over 120 ms", {
      field: "opus",
      limit: MAX_PACKET_US,
      actual: durationUs,
    });
  }
  return durationUs;
}

/** Channels that this packet codes, 1 or 2; may change from packet to packet. @throws MediaError "truncated". */
export function opusPacketChannels(packet: Uint8Array): 1 | 2 {
  const toc = packet[0];
  if (toc === undefined) throw new MediaError("truncated", "empty Opus packet", { field: "opus" });
  return (toc & 4) === 0 ? 1 : 2;
}
