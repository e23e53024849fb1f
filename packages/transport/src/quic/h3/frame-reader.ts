import { FRAME_DATA, H3_EXCESSIVE_LOAD, MAX_FIELD_SECTION_BYTES } from "./http3-codes.ts";
import { Http3Error } from "./http3-error.ts";
import { encodeVarints, readVarint, varintLength } from "./varint.ts";

/** A type and a length, each at most 8 bytes. */
const MAX_HEADER_BYTES = 16;

export interface FrameHandler {
  /** A whole frame that is not DATA and not of an unknown type. `payload` is valid during the call. */
  onFrame(type: number, payload: Uint8Array): void;
  /** A piece of a DATA frame's payload, valid during the call. */
  onData(bytes: Uint8Array): void;
}

/**
 * Splits the bytes of a stream into `type · length · payload` units: HTTP/3 frames (RFC 9114 §7.1), or capsules
 * (RFC 9297 §3.2), which have the same form. Units of `collected` types are delivered whole, units of
 * `streamed` types in pieces, all others are skipped. Throws Http3Error if a collected unit is too long.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #collected: ReadonlySet<number>;
  readonly #streamed: number;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerLength = 0;
  #type = 0;
  /** Payload bytes that are still to come; -1 while the header is read. */
  #left = -1;
  #payload: Uint8Array | undefined;
  #payloadLength = 0;

  constructor(handler: FrameHandler, collected: ReadonlySet<number>, streamed = FRAME_DATA) {
    this.#handler = handler;
    this.#collected = collected;
    this.#streamed = streamed;
  }

  /** True between two frames: the stream may end here. */
  get atBoundary(): boolean {
    return this.#left < 0 && this.#headerLength === 0;
  }

  push(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset = this.#left < 0 ? this.#readHeader(bytes, offset) : this.#readPayload(bytes, offset);
    }
  }

  #readHeader(bytes: Uint8Array, start: number): number {
    let offset = start;
    while (offset < bytes.length) {
      this.#header[this.#headerLength] = bytes[offset] ?? 0;
      this.#headerLength += 1;
      offset += 1;
      const typeLength = varintLength(this.#header[0] ?? 0);
      if (this.#headerLength <= typeLength) continue;
      const length = typeLength + varintLength(this.#header[typeLength] ?? 0);
      if (this.#headerLength < length) continue;
      this.#begin(readVarint(this.#header, 0), readVarint(this.#header, typeLength));
      break;
    }
    return offset;
  }

  #begin(type: number, length: number): void {
    this.#headerLength = 0;
    this.#type = type;
    this.#left = length;
    if (this.#collected.has(type)) {
      if (length > MAX_FIELD_SECTION_BYTES) throw new Http3Error(H3_EXCESSIVE_LOAD, "frame too long");
      this.#payload = new Uint8Array(length);
      this.#payloadLength = 0;
    }
    if (length === 0) this.#end();
  }

  #readPayload(bytes: Uint8Array, start: number): number {
    const piece = bytes.subarray(start, start + Math.min(this.#left, bytes.length - start));
    this.#left -= piece.length;
    if (this.#payload !== undefined) {
      this.#payload.set(piece, this.#payloadLength);
      this.#payloadLength += piece.length;
    } else if (this.#type === this.#streamed) {
      this.#handler.onData(piece);
    }
    if (this.#left === 0) this.#end();
    return start + piece.length;
  }

  #end(): void {
    this.#left = -1;
    const payload = this.#payload;
    this.#payload = undefined;
    if (payload !== undefined) this.#handler.onFrame(this.#type, payload);
  }
}

/** One unit: `type · length · payload`. */
export function encodeFrame(type: number, payload: Uint8Array): Uint8Array {
  return Buffer.concat([encodeVarints(type, payload.length), payload]);
}
