import { splitAnnexB } from "@canopy/media/h264";
import { parseRtcp } from "@canopy/media/rtp";
import type { Track } from "node-datachannel";

const MAX_PAYLOAD_BYTES = 1_180;
const NTP_UNIX_S = 2_208_988_800n;
const FU_A = 28;
/** To be sent again: some seconds of the clip, at most 0.6 MB. A divisor of 2^16. */
const KEPT_PACKETS = 512;

export interface RtpSenderOptions {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly rateHz: number;
  /** RTP timestamp at the NTP epoch. */
  readonly offset: number;
}

/** Sends frames of one track as RTP, with sender reports that carry media time, and again what got lost. */
export class RtpSender {
  readonly #options: RtpSenderOptions;
  readonly #track: Track;
  /** By their sequence number, modulo the length. */
  readonly #kept: Buffer[] = [];
  #sequence = Math.floor(Math.random() * 60_000);
  #packets = 0;
  #octets = 0;

  constructor(track: Track, options: RtpSenderOptions) {
    this.#track = track;
    this.#options = options;
    track.onMessage((packet) => this.#onRtcp(packet));
  }

  rtpOf(mediaUs: number): number {
    const ticks = ((BigInt(mediaUs) + NTP_UNIX_S * 1_000_000n) * BigInt(this.#options.rateHz)) / 1_000_000n;
    return Number((ticks + BigInt(this.#options.offset)) % 2n ** 32n);
  }

  /** RFC 7587: a packet a frame. */
  sendOpus(mediaUs: number, frame: Uint8Array): void {
    this.#send(frame, mediaUs, false);
  }

  /** RFC 6184: single NAL units and FU-A. */
  sendH264(mediaUs: number, annexB: Uint8Array): void {
    const nals = splitAnnexB(annexB);
    for (const [index, nal] of nals.entries()) {
      const isLast = index === nals.length - 1;
      if (nal.length <= MAX_PAYLOAD_BYTES) {
        this.#send(nal, mediaUs, isLast);
        continue;
      }
      const header = nal[0] ?? 0;
      for (let at = 1; at < nal.length; at += MAX_PAYLOAD_BYTES) {
        const part = nal.subarray(at, at + MAX_PAYLOAD_BYTES);
        const isEnd = at + part.length >= nal.length;
        const flags = (at === 1 ? 0x80 : 0) | (isEnd ? 0x40 : 0) | (header & 31);
        this.#send(
          Buffer.concat([Uint8Array.of((header & 0xe0) | FU_A, flags), part]),
          mediaUs,
          isLast && isEnd,
        );
      }
    }
  }

  /** RFC 3550 §6.4.1, without report blocks. */
  sendReport(mediaUs: number): void {
    const packet = Buffer.alloc(28);
    packet.writeUInt8(0x80, 0);
    packet.writeUInt8(200, 1);
    packet.writeUInt16BE(6, 2);
    packet.writeUInt32BE(this.#options.ssrc, 4);
    packet.writeUInt32BE(Number(BigInt(mediaUs) / 1_000_000n + NTP_UNIX_S), 8);
    packet.writeUInt32BE(Math.floor(((mediaUs % 1e6) / 1e6) * 2 ** 32), 12);
    packet.writeUInt32BE(this.rtpOf(mediaUs), 16);
    packet.writeUInt32BE(this.#packets, 20);
    packet.writeUInt32BE(this.#octets >>> 0, 24);
    this.#write(packet);
  }

  #send(payload: Uint8Array, mediaUs: number, marker: boolean): void {
    const packet = Buffer.alloc(12 + payload.length);
    packet.writeUInt8(0x80, 0);
    packet.writeUInt8((marker ? 0x80 : 0) | this.#options.payloadType, 1);
    packet.writeUInt16BE(this.#sequence & 0xffff, 2);
    packet.writeUInt32BE(this.rtpOf(mediaUs), 4);
    packet.writeUInt32BE(this.#options.ssrc, 8);
    packet.set(payload, 12);
    this.#kept[this.#sequence % KEPT_PACKETS] = packet;
    this.#sequence += 1;
    this.#packets += 1;
    this.#octets += payload.length;
    this.#write(packet);
  }

  /** Generic NACKs, RFC 4585 §6.2.1. A compound packet comes to all tracks that it is about. */
  #onRtcp(packet: Buffer): void {
    for (const item of parseRtcp(packet)) {
      if (item.kind !== "nack" || item.mediaSsrc !== this.#options.ssrc) continue;
      for (const sequence of item.sequences) {
        const kept = this.#kept[sequence % KEPT_PACKETS];
        if (kept?.readUInt16BE(2) === sequence) this.#write(kept);
      }
    }
  }

  #write(packet: Buffer): void {
    if (this.#track.isOpen()) this.#track.sendMessageBinary(packet);
  }
}
