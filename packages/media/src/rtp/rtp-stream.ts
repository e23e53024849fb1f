import { RTP_HEADER_BYTES, writeRtpHeader } from "./rtp-header.ts";
import { nextSequence } from "./sequence-number.ts";

export interface RtpStreamOptions {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Should be random (RFC 3550 §5.1); default 0. */
  readonly firstSequence?: number;
  /** A whole header extension, as `encodeExtension` makes it, that every packet carries. Borrowed for good. */
  readonly extension?: Uint8Array;
}

/** What all packets of one SSRC share: identity, sequence counter, and the counts that sender reports carry. */
export class RtpStream {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Bytes in front of the payload of every packet. */
  readonly headerBytes: number;
  readonly #extension: Uint8Array | undefined;
  #sequence: number;
  #packets = 0;
  #octets = 0;

  constructor(options: RtpStreamOptions) {
    this.ssrc = options.ssrc;
    this.payloadType = options.payloadType;
    this.#sequence = options.firstSequence ?? 0;
    this.#extension = options.extension;
    this.headerBytes = RTP_HEADER_BYTES + (options.extension?.length ?? 0);
  }

  /** Of the next packet. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Packets so far, modulo 2^32 as in a sender report. */
  get packets(): number {
    return this.#packets;
  }

  /** Payload bytes so far, modulo 2^32. */
  get octets(): number {
    return this.#octets;
  }

  /** Writes the header of the next packet at the start of `packet`, and counts it with its payload. */
  writeHeader(packet: Uint8Array, marker: boolean, timestamp: number): void {
    const extension = this.#extension;
    writeRtpHeader(
      packet,
      this.payloadType,
      marker,
      this.#sequence,
      timestamp,
      this.ssrc,
      extension !== undefined,
    );
    if (extension !== undefined) packet.set(extension, RTP_HEADER_BYTES);
    this.#sequence = nextSequence(this.#sequence);
    this.#packets = (this.#packets + 1) >>> 0;
    this.#octets = (this.#octets + packet.length - this.headerBytes) >>> 0;
  }
}
