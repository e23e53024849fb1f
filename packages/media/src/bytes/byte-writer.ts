import { encodeUtf8 } from "./utf8.ts";

/** What a 32-bit half holds. */
const TWO_32 = 2 ** 32;

/** A growing big-endian buffer. `finish()` hands the bytes over. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Replaces the view when it grows, so it has to be called before the view is taken. */
  #grow(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return start;
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
  }

  i16(value: number): void {
    const at = this.#grow(2);
    this.#view.setInt16(at, value);
  }

  /** Also writes negative numbers, as two's complement. */
  u24(value: number): void {
    const at = this.#grow(3);
    this.#view.setUint16(at, (value >> 8) & 0xffff);
    this.#view.setUint8(at + 2, value & 0xff);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
  }

  i32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value);
  }

  /** A safe integer, not negative. */
  u64(value: number): void {
    this.u32(Math.floor(value / TWO_32));
    this.u32(value % TWO_32);
  }

  /** A 32-bit number that is known only later, at the position that `length` had. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  u16le(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }

  i16le(value: number): void {
    const at = this.#grow(2);
    this.#view.setInt16(at, value, true);
  }

  u32le(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value);
  }

  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  zeros(count: number): void {
    this.#grow(count);
  }

  /** UTF-8 without a terminator. */
  text(value: string): void {
    this.bytes(encodeUtf8(value));
  }

  /** Hands the bytes over; they may lie in a larger buffer. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
