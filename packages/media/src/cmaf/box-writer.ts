import { encodeUtf8 } from "../bytes/utf8.ts";

/** What a 32-bit half holds. */
const TWO_32 = 2 ** 32;

/** ISO base media boxes into one growing buffer: `size(32) type(32) …` (ISO/IEC 14496-12 §4.2). */
export class BoxWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  readonly #open: number[] = [];

  constructor(capacity = 1_024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Starts a box; its size is written by `end`. */
  begin(type: string): void {
    this.#open.push(this.#length);
    this.u32(0);
    this.text(type);
  }

  /** A box with version and flags (§4.2.2). */
  beginFull(type: string, version = 0, flags = 0): void {
    this.begin(type);
    this.u32(((version << 24) | flags) >>> 0);
  }

  end(): void {
    const start = this.#open.pop();
    if (start !== undefined) this.#view.setUint32(start, this.#length - start);
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
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

  zeros(count: number): void {
    this.#grow(count);
  }

  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  /** UTF-8 without a terminator. */
  text(value: string): void {
    this.bytes(encodeUtf8(value));
  }

  /** UTF-8 with a terminator, as ISO 14496-12 writes strings. */
  cString(value: string): void {
    this.text(value);
    this.u8(0);
  }

  /** Hands the bytes over; they may lie in a larger buffer. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length) as Uint8Array<ArrayBuffer>;
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
}
