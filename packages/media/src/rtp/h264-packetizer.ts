import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart, nalEnd } from "../nal/annex-b.ts";
import { MAX_NALS_PER_ACCESS_UNIT, tooManyNals } from "../nal/limits.ts";
import { writeU16 } from "./big-endian.ts";
import { FU_A, FU_END_BIT, FU_HEADER_BYTES, FU_START_BIT, STAP_A, STAP_SIZE_BYTES } from "./h264-payload.ts";
import type { RtpStream } from "./rtp-stream.ts";

/** What follows the RTP header: with 12 bytes of it, SRTP's 16, UDP and IPv6 below 1,280, the least that IPv6 carries. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1_188;

/** A NAL unit of one byte in two fragments is the smallest case there is. */
const MIN_MAX_PAYLOAD_BYTES = 64;

const NO_BYTES = new Uint8Array(0);

export interface H264PacketizerOptions {
  /** Largest payload behind the RTP header, bytes. */
  readonly maxPayloadBytes?: number;
}

/**
 * Annex B access units into RTP packets of packetization mode 1 (RFC 6184 §6.3): neighbours that fit into one packet
 * share it (STAP-A), NAL units that fit alone go as they are, larger ones in fragments of equal size (FU-A).
 */
export class H264Packetizer {
  readonly #stream: RtpStream;
  readonly #maxPayloadBytes: number;
  /** Of the access unit at hand: NAL unit `i` lies from 2i to 2i + 1. Kept, so that nothing is allocated per frame. */
  readonly #borders: number[] = [];
  /** Of the call at hand. */
  #annexB: Uint8Array = NO_BYTES;
  #packets: Uint8Array = NO_BYTES;
  #at = 0;
  #timestamp = 0;
  #into: Uint8Array[] = [];

  constructor(stream: RtpStream, options: H264PacketizerOptions = {}) {
    this.#stream = stream;
    this.#maxPayloadBytes = Math.max(
      MIN_MAX_PAYLOAD_BYTES,
      options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    );
  }

  /**
   * Appends the packets of one access unit to `into` and returns their number. They are views of one new buffer,
   * which is the caller's; `annexB` is borrowed for the call only.
   * @throws MediaError "malformed" (no start code, or nothing behind it), "too-many"; nothing is counted then.
   */
  packetize(annexB: Uint8Array, timestamp: number, into: Uint8Array[]): number {
    const count = findBorders(annexB, this.#borders);
    if (count === 0) throw new MediaError("malformed", "access unit without NAL units", { field: "h264" });
    const before = into.length;
    this.#annexB = annexB;
    this.#packets = new Uint8Array(this.#boundBytes(count));
    this.#at = 0;
    this.#timestamp = timestamp;
    this.#into = into;
    let nal = 0;
    while (nal < count) {
      const shared = this.#countSharing(nal, count);
      const isLast = nal + shared === count;
      if (shared > 1) this.#aggregate(nal, shared, isLast);
      else if (this.#sizeOf(nal) <= this.#maxPayloadBytes) this.#single(nal, isLast);
      else this.#fragment(nal, isLast);
      nal += shared;
    }
    this.#annexB = NO_BYTES;
    this.#packets = NO_BYTES;
    return into.length - before;
  }

  #sizeOf(nal: number): number {
    return (this.#borders[2 * nal + 1] as number) - (this.#borders[2 * nal] as number);
  }

  /** An upper bound: each NAL unit in packets of its own, each packet with the larger of the small headers. */
  #boundBytes(count: number): number {
    const room = this.#maxPayloadBytes - FU_HEADER_BYTES;
    const overhead = this.#stream.headerBytes + FU_HEADER_BYTES;
    let bytes = 0;
    for (let nal = 0; nal < count; nal += 1) {
      const size = this.#sizeOf(nal);
      bytes += size + Math.ceil(size / room) * overhead + STAP_SIZE_BYTES;
    }
    return bytes;
  }

  /** How many NAL units from `first` on fit into one STAP-A; 1: it goes alone. */
  #countSharing(first: number, count: number): number {
    let bytes = 1;
    let nal = first;
    while (nal < count) {
      bytes += STAP_SIZE_BYTES + this.#sizeOf(nal);
      if (bytes > this.#maxPayloadBytes) break;
      nal += 1;
    }
    return Math.max(1, nal - first);
  }

  #single(nal: number, marker: boolean): void {
    const payload = this.#at + this.#stream.headerBytes;
    this.#copyNal(nal, payload);
    this.#finish(payload + this.#sizeOf(nal), marker);
  }

  /** §5.7.1: F is the OR, NRI the maximum of those inside. */
  #aggregate(first: number, shared: number, marker: boolean): void {
    const packets = this.#packets;
    const payload = this.#at + this.#stream.headerBytes;
    let forbidden = 0;
    let importance = 0;
    let end = payload + 1;
    for (let nal = first; nal < first + shared; nal += 1) {
      const header = this.#annexB[this.#borders[2 * nal] as number] as number;
      forbidden |= header & 0x80;
      importance = Math.max(importance, header & 0x60);
      const size = this.#sizeOf(nal);
      writeU16(packets, end, size);
      this.#copyNal(nal, end + STAP_SIZE_BYTES);
      end += STAP_SIZE_BYTES + size;
    }
    packets[payload] = forbidden | importance | STAP_A;
    this.#finish(end, marker);
  }

  /** §5.8: the header byte is split between indicator and FU header, the rest into equal parts. */
  #fragment(nal: number, marker: boolean): void {
    const packets = this.#packets;
    let from = this.#borders[2 * nal] as number;
    const end = this.#borders[2 * nal + 1] as number;
    const header = this.#annexB[from] as number;
    from += 1;
    let parts = Math.ceil((end - from) / (this.#maxPayloadBytes - FU_HEADER_BYTES));
    let flags = FU_START_BIT;
    while (parts > 0) {
      const size = Math.ceil((end - from) / parts);
      if (parts === 1) flags |= FU_END_BIT;
      const payload = this.#at + this.#stream.headerBytes;
      packets[payload] = (header & 0xe0) | FU_A;
      packets[payload + 1] = flags | (header & 0x1f);
      packets.set(this.#annexB.subarray(from, from + size), payload + FU_HEADER_BYTES);
      this.#finish(payload + FU_HEADER_BYTES + size, marker && parts === 1);
      from += size;
      parts -= 1;
      flags = 0;
    }
  }

  #copyNal(nal: number, at: number): void {
    const from = this.#borders[2 * nal] as number;
    const to = this.#borders[2 * nal + 1] as number;
    this.#packets.set(this.#annexB.subarray(from, to), at);
  }

  #finish(end: number, marker: boolean): void {
    const packet = this.#packets.subarray(this.#at, end);
    this.#stream.writeHeader(packet, marker, this.#timestamp);
    this.#into.push(packet);
    this.#at = end;
  }
}

/** Fills `borders` and returns the number of NAL units. */
function findBorders(annexB: Uint8Array, borders: number[]): number {
  let count = 0;
  let start = firstNalStart(annexB);
  while (start >= 0) {
    const code = findStartCode(annexB, start);
    const end = nalEnd(annexB, start, code);
    if (end > start) {
      if (count === MAX_NALS_PER_ACCESS_UNIT) throw tooManyNals(MAX_NALS_PER_ACCESS_UNIT);
      borders[2 * count] = start;
      borders[2 * count + 1] = end;
      count += 1;
    }
    start = code < 0 ? -1 : code + 3;
  }
  return count;
}
