import { encodeUtf8 } from "./utf8.ts";

/** A growing big-endian buffer. `finish()` hands the bytes over. */
export class ByteWriter {
  #bytes: Uint8Array;
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

  ascii(value: string): void {
    this.bytes(encodeUtf8(value));
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
