import { normalizePath } from "../path.ts";
import { ProtocolError } from "../protocol-error.ts";
import { decodeUtf8 } from "./utf8.ts";
import { readVarint, varintLengthFromFirstByte } from "./varint.ts";

/** A cursor over the body of one message. Every read throws ProtocolError `malformed` when the body is too short. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#offset++] ?? 0;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) {
      throw new ProtocolError("malformed", `${value} is not a boolean`);
    }
    return value === 1;
  }

  varint(): number {
    this.#need(1);
    const length = varintLengthFromFirstByte(this.#bytes[this.#offset] ?? 0);
    this.#need(length);
    const value = readVarint(this.#bytes, this.#offset);
    this.#offset += length;
    return value;
  }

  /** Passes over a varint of any size, without reading it. */
  skipVarint(): void {
    this.#need(1);
    this.bytes(varintLengthFromFirstByte(this.#bytes[this.#offset] ?? 0));
  }

  /** A view of the next `length` bytes, valid as long as the message is. */
  bytes(length: number): Uint8Array {
    this.#need(length);
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  string(): string {
    return decodeUtf8(this.bytes(this.varint()));
  }

  path(): string {
    return normalizePath(this.string());
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** A body must be consumed exactly (moq-lite, encodings). */
  end(): void {
    if (this.remaining > 0) {
      throw new ProtocolError("malformed", `${this.remaining} bytes are left over in a message`);
    }
  }

  #need(length: number): void {
    if (length > this.remaining) {
      throw new ProtocolError("malformed", "a message is too short");
    }
  }
}
