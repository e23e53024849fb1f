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
    this.#view.setUint8(this.#grow(1), value);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#grow(2), value);
  }

  i16(value: number): void {
    this.#view.setInt16(this.#grow(2), value);
  }

  /** Also writes negative numbers, as two's complement. */
  u24(value: number): void {
    const at = this.#grow(3);
    this.#view.setUint16(at, (value >> 8) & 0xffff);
    this.#view.setUint8(at + 2, value & 0xff);
  }

  u32(value: number): void {
    this.#view.setUint32(this.#grow(4), value);
  }

  u16le(value: number): void {
    this.#view.setUint16(this.#grow(2), value, true);
  }

  i16le(value: number): void {
    this.#view.setInt16(this.#grow(2), value, true);
  }

  u32le(value: number): void {
    this.#view.setUint32(this.#grow(4), value, true);
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#grow(8), value);
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
