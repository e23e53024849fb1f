import { QmuxError } from "./qmux-error.ts";

const TWO_TO_32 = 0x1_0000_0000;

/** Reads the fields of one record. Throws `frame-encoding` when a field passes its end. */
export class RecordReader {
  /** Halves of the last integer, for those that pass 2^53. */
  high = 0;
  low = 0;
  #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** A QUIC integer (RFC 9000 §16). Above 2^53 it loses its low bits: see `high` and `low`. */
  varint(): number {
    const bytes = this.#bytes;
    const first = bytes[this.#at];
    if (first === undefined) throw new QmuxError("frame-encoding", "a field is missing");
    const length = 1 << (first >>> 6);
    const end = this.#at + length;
    if (end > bytes.length) throw new QmuxError("frame-encoding", "a field is cut off");
    let index = this.#at + 1;
    let value = first & 0x3f;
    this.#at = end;
    if (length < 8) {
      while (index < end) value = value * 256 + (bytes[index++] ?? 0);
      this.high = 0;
      this.low = value;
      return value;
    }
    const middle = index + 3;
    while (index < middle) value = value * 256 + (bytes[index++] ?? 0);
    let low = 0;
    while (index < end) low = low * 256 + (bytes[index++] ?? 0);
    this.high = value;
    this.low = low;
    return value * TWO_TO_32 + low;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length)
      throw new QmuxError("frame-encoding", "a frame passes the end of its record");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  rest(): Uint8Array {
    return this.take(this.remaining);
  }
}
