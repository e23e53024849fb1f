import { ProtocolError } from "../protocol-error.ts";
import { ByteReader } from "./byte-reader.ts";
import { readVarint, varintLengthFromFirstByte } from "./varint.ts";

/** A message with the tag in front of its length (moq-lite, SUBSCRIBE). */
export interface TaggedMessage {
  readonly tag: number;
  readonly body: ByteReader;
}

/** Room for a stream type, a tag and a length in front of a message. */
const HEADER_ALLOWANCE_BYTES = 24;

const EMPTY = new Uint8Array(0);

/**
 * Cuts the bytes of a control stream, which arrive in pieces of any size, into varints and messages.
 * "More bytes are needed" is the value undefined, and nothing is consumed then.
 *
 * Use: `push(bytes)`, then read until undefined, then `keep()`. Bodies are views of the pushed bytes: read them
 * before `keep` returns.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  /** Borrowed from `push`, or the front of `#store`. */
  #bytes: Uint8Array = EMPTY;
  #offset = 0;
  #store: Uint8Array = EMPTY;

  constructor(options: { readonly maxMessageBytes: number }) {
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** Bytes that have not been read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  push(bytes: Uint8Array): void {
    const left = this.remaining;
    if (left === 0) {
      this.#bytes = bytes;
    } else if (bytes.length > 0) {
      this.#append(left, bytes);
    } else {
      return;
    }
    this.#offset = 0;
  }

  /**
   * Copies what has not been read, since pushed bytes belong to the caller.
   * @throws ProtocolError `too-large` if that is more than one message can be.
   */
  keep(): void {
    const left = this.remaining;
    if (left === 0) {
      this.#bytes = EMPTY;
      this.#offset = 0;
      return;
    }
    if (left > this.#maxMessageBytes + HEADER_ALLOWANCE_BYTES) {
      throw new ProtocolError("too-large", "bytes pile up on a control stream");
    }
    if (this.#bytes.buffer !== this.#store.buffer) {
      this.#append(left, EMPTY);
      this.#offset = 0;
    }
  }

  varint(): number | undefined {
    const length = this.#varintLengthAt(this.#offset);
    if (length === undefined) {
      return undefined;
    }
    const value = readVarint(this.#bytes, this.#offset);
    this.#offset += length;
    return value;
  }

  /** @throws ProtocolError `too-large` as soon as the length is known to be over the limit. */
  message(): ByteReader | undefined {
    return this.#messageAt(this.#offset);
  }

  tagged(): TaggedMessage | undefined {
    const tagLength = this.#varintLengthAt(this.#offset);
    if (tagLength === undefined) {
      return undefined;
    }
    const tag = readVarint(this.#bytes, this.#offset);
    const body = this.#messageAt(this.#offset + tagLength);
    return body === undefined ? undefined : { tag, body };
  }

  /** A body behind a fixed two-byte length (legacy SETUP, moq-lite, versions). */
  messageOfU16Length(): ByteReader | undefined {
    return this.#messageOfU16LengthAt(this.#offset);
  }

  /** The same with a tag in front. */
  taggedOfU16Length(): TaggedMessage | undefined {
    const tagLength = this.#varintLengthAt(this.#offset);
    if (tagLength === undefined) {
      return undefined;
    }
    const tag = readVarint(this.#bytes, this.#offset);
    const body = this.#messageOfU16LengthAt(this.#offset + tagLength);
    return body === undefined ? undefined : { tag, body };
  }

  /** A view of everything that has not been read. */
  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#offset);
    this.#offset = this.#bytes.length;
    return rest;
  }

  #varintLengthAt(offset: number): number | undefined {
    const first = this.#bytes[offset];
    if (first === undefined) {
      return undefined;
    }
    const length = varintLengthFromFirstByte(first);
    return offset + length > this.#bytes.length ? undefined : length;
  }

  #messageAt(offset: number): ByteReader | undefined {
    const prefixLength = this.#varintLengthAt(offset);
    if (prefixLength === undefined) {
      return undefined;
    }
    return this.#bodyAt(offset + prefixLength, readVarint(this.#bytes, offset));
  }

  #messageOfU16LengthAt(offset: number): ByteReader | undefined {
    const upper = this.#bytes[offset];
    const lower = this.#bytes[offset + 1];
    return upper === undefined || lower === undefined
      ? undefined
      : this.#bodyAt(offset + 2, (upper << 8) | lower);
  }

  #bodyAt(start: number, length: number): ByteReader | undefined {
    if (length > this.#maxMessageBytes) {
      throw new ProtocolError("too-large", `a message of ${length} bytes`);
    }
    const end = start + length;
    if (end > this.#bytes.length) {
      return undefined;
    }
    this.#offset = end;
    return new ByteReader(this.#bytes.subarray(start, end));
  }

  /** Moves the unread bytes to the front of the own buffer, which doubles when needed, and adds `bytes`. */
  #append(left: number, bytes: Uint8Array): void {
    const needed = left + bytes.length;
    const source = this.#bytes.subarray(this.#offset);
    if (this.#store.length < needed) {
      const grown = new Uint8Array(Math.max(needed, this.#store.length * 2, 64));
      grown.set(source);
      this.#store = grown;
    } else if (this.#offset > 0 || this.#bytes.buffer !== this.#store.buffer) {
      this.#store.set(source);
    }
    this.#store.set(bytes, left);
    this.#bytes = this.#store.subarray(0, needed);
  }
}
