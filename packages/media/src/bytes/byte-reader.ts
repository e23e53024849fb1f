import { MediaError } from "../media-error.ts";
import { decodeUtf8 } from "./utf8.ts";

/** A big-endian cursor over borrowed bytes; what it returns are views. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #field: string;
  #position = 0;

  /** `field` names the structure in errors. */
  constructor(bytes: Uint8Array, field: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#field = field;
  }

  get position(): number {
    return this.#position;
  }

  get left(): number {
    return this.#bytes.length - this.#position;
  }

  #advance(count: number): number {
    if (count > this.left)
      throw new MediaError("truncated", `${this.#field} ends early`, { field: this.#field });
    const start = this.#position;
    this.#position += count;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  i16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  u24(): number {
    const at = this.#advance(3);
    return this.#view.getUint16(at) * 256 + this.#view.getUint8(at + 2);
  }

  /** Two's complement, as composition times of FLV are. */
  i24(): number {
    return (this.u24() << 8) >> 8;
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  u16le(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  i16le(): number {
    return this.#view.getInt16(this.#advance(2), true);
  }

  u32le(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** A view of everything that is left. */
  rest(): Uint8Array {
    return this.take(this.left);
  }

  utf8(count: number): string {
    return decodeUtf8(this.take(count), this.#field);
  }
}
