import { ProtocolError } from "../protocol-error.ts";
import type { WireFrame } from "../wire-frame.ts";
import {
  MAX_ZIGZAG,
  readVarint,
  unzigzag,
  varintLength,
  varintLengthFromFirstByte,
  writeVarint,
  zigzag,
} from "./varint.ts";

export interface FrameReaderOptions {
  /** False: lite-04 and older, whose frames have no timestamp delta. */
  readonly timestamps: boolean;
  readonly maxFrameBytes: number;
  /** The timestamp of a frame that came without one. */
  readonly stampTimestamp: (payload: Uint8Array) => number;
}

/** Two varints. */
const MAX_HEADER_BYTES = 16;

/** Room in front of the size for the delta of a frame that came without one. */
const STAMP_RESERVE_BYTES = 8;

/**
 * A frame up to this size is allocated at once. A larger one grows as its bytes arrive, so that a header alone,
 * which costs the peer 5 bytes, never takes more memory than this.
 */
const MAX_EAGER_BYTES = 128 * 1024;

/**
 * Cuts the bytes of a group stream into frames (moq-lite, GROUP), with one allocation and one copy per frame.
 * Takes any split of the bytes.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #onFrame: (frame: WireFrame) => void;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerLength = 0;
  #timestamp = 0;
  /** The frame whose payload is arriving; undefined between frames. */
  #wire: Uint8Array | undefined;
  #wireLength = 0;
  #filled = 0;
  #sizeOffset = 0;
  #payloadOffset = 0;

  constructor(options: FrameReaderOptions, onFrame: (frame: WireFrame) => void) {
    this.#options = options;
    this.#onFrame = onFrame;
  }

  /** True: a FIN now would cut a frame in two. */
  get insideFrame(): boolean {
    return this.#wire !== undefined || this.#headerLength > 0;
  }

  /**
   * Takes the next bytes, which stay the caller's, and calls `onFrame` for every frame that they complete.
   * @throws ProtocolError `frame-too-large` before memory is taken; `too-large` for a timestamp that no frame could
   * have as its first.
   */
  push(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset = this.#wire === undefined ? this.#readHeader(bytes, offset) : this.#readPayload(bytes, offset);
    }
  }

  #readHeader(bytes: Uint8Array, offset: number): number {
    if (this.#headerLength === 0) {
      const length = this.#headerLengthAt(bytes, offset, bytes.length);
      if (length > 0) {
        this.#beginFrame(bytes, offset, length);
        return offset + length;
      }
    }
    // The header is split between two pieces: collect it byte by byte, which is rare and at most 16 times.
    this.#header[this.#headerLength++] = bytes[offset] ?? 0;
    const length = this.#headerLengthAt(this.#header, 0, this.#headerLength);
    if (length > 0) {
      this.#headerLength = 0;
      this.#beginFrame(this.#header, 0, length);
    }
    return offset + 1;
  }

  /** Length of the whole header at `offset`, 0 if it is not complete before `end`. */
  #headerLengthAt(bytes: Uint8Array, offset: number, end: number): number {
    let length = varintLengthFromFirstByte(bytes[offset] ?? 0);
    if (this.#options.timestamps) {
      if (offset + length >= end) {
        return 0;
      }
      length += varintLengthFromFirstByte(bytes[offset + length] ?? 0);
    }
    return offset + length > end ? 0 : length;
  }

  #beginFrame(bytes: Uint8Array, offset: number, headerLength: number): void {
    let sizeAt = offset;
    if (this.#options.timestamps) {
      sizeAt += varintLengthFromFirstByte(bytes[offset] ?? 0);
      this.#timestamp += unzigzag(readVarint(bytes, offset));
      if (Math.abs(this.#timestamp) > MAX_ZIGZAG) {
        throw new ProtocolError("too-large", "the timestamps of a group add up to too much");
      }
    }
    const size = readVarint(bytes, sizeAt);
    if (size > this.#options.maxFrameBytes) {
      throw new ProtocolError("frame-too-large", `a frame of ${size} bytes`);
    }
    const reserve = this.#options.timestamps ? 0 : STAMP_RESERVE_BYTES;
    this.#sizeOffset = reserve + sizeAt - offset;
    this.#payloadOffset = reserve + headerLength;
    this.#wireLength = this.#payloadOffset + size;
    const wire = new Uint8Array(Math.min(this.#wireLength, MAX_EAGER_BYTES));
    for (let index = 0; index < headerLength; index++) {
      wire[reserve + index] = bytes[offset + index] ?? 0;
    }
    this.#wire = wire;
    this.#filled = this.#payloadOffset;
    if (size === 0) {
      this.#endFrame(wire);
    }
  }

  #readPayload(bytes: Uint8Array, offset: number): number {
    const length = Math.min(this.#wireLength - this.#filled, bytes.length - offset);
    const wire = this.#wireWithRoom(this.#filled + length);
    wire.set(
      offset === 0 && length === bytes.length ? bytes : bytes.subarray(offset, offset + length),
      this.#filled,
    );
    this.#filled += length;
    if (this.#filled === this.#wireLength) {
      this.#endFrame(wire);
    }
    return offset + length;
  }

  #wireWithRoom(needed: number): Uint8Array {
    const wire = this.#wire ?? new Uint8Array(0);
    if (needed <= wire.length) {
      return wire;
    }
    const grown = new Uint8Array(Math.min(this.#wireLength, Math.max(needed, wire.length * 2)));
    grown.set(wire);
    this.#wire = grown;
    return grown;
  }

  #endFrame(wire: Uint8Array): void {
    this.#wire = undefined;
    if (this.#options.timestamps) {
      this.#onFrame({
        wire,
        sizeOffset: this.#sizeOffset,
        payloadOffset: this.#payloadOffset,
        timestamp: this.#timestamp,
      });
      return;
    }
    const timestamp = this.#options.stampTimestamp(wire.subarray(this.#payloadOffset));
    const delta = zigzag(timestamp - this.#timestamp);
    this.#timestamp = timestamp;
    // The delta goes right in front of the size; what is left of the reserve is cut off by the view.
    const start = this.#sizeOffset - varintLength(delta);
    writeVarint(wire, start, delta);
    this.#onFrame({
      wire: wire.subarray(start),
      sizeOffset: this.#sizeOffset - start,
      payloadOffset: this.#payloadOffset - start,
      timestamp,
    });
  }
}
