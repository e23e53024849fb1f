import { encodeUtf8 } from "./utf8.ts";
import { varintLength, writeVarint } from "./varint.ts";

/** Most messages are smaller. */
const INITIAL_BYTES = 64;

/** Collects control messages; for frames see `encodeFrame`. */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  varint(value: number): void {
    this.#reserve(8);
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  string(text: string): void {
    const encoded = encodeUtf8(text);
    this.varint(encoded.length);
    this.bytes(encoded);
  }

  /** Starts a length-prefixed body; pass the result to `endMessage`. */
  beginMessage(): number {
    return this.#length;
  }

  /** Puts the length in front of everything written since `beginMessage`. */
  endMessage(start: number): void {
    const bodyLength = this.#length - start;
    const prefixLength = varintLength(bodyLength);
    this.#reserve(prefixLength);
    this.#bytes.copyWithin(start + prefixLength, start, this.#length);
    writeVarint(this.#bytes, start, bodyLength);
    this.#length += prefixLength;
  }

  /** What was written. The writer gives the buffer away and starts over. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(INITIAL_BYTES);
    this.#length = 0;
    return taken;
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
  }
}
