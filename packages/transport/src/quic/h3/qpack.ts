import { MAX_FIELD_SECTION_BYTES, QPACK_DECOMPRESSION_FAILED } from "./http3-codes.ts";
import { Http3Error } from "./http3-error.ts";
import { decodeHuffman } from "./huffman.ts";
import { QPACK_STATIC_TABLE } from "./qpack-static-table.ts";

/** Field lines of one section, names in lower case, in the order in which they came. */
export type FieldLines = readonly (readonly [name: string, value: string])[];

/** Bounds what a small compressed section can unfold to. */
const MAX_FIELD_LINES = 128;
/** Overhead that counts per line against the size limit (RFC 9114 §4.2.2). */
const LINE_OVERHEAD_BYTES = 32;
/** More digits than any length within the limits needs. */
const MAX_INTEGER_BYTES = 5;

/**
 * Decodes a field section (RFC 9204 §4.5) that uses the static table and literals only, which is all a peer may
 * use after our SETTINGS said that the dynamic table has no room. Throws Http3Error.
 */
export function decodeFieldSection(bytes: Uint8Array): FieldLines {
  const reader = new QpackReader(bytes);
  // Required insert count and base: both are about the dynamic table.
  if (reader.integer(8) !== 0) throw failed("the dynamic table is off");
  reader.integer(7);
  const lines: [string, string][] = [];
  let size = 0;
  while (!reader.done) {
    const line = reader.line();
    size += line[0].length + line[1].length + LINE_OVERHEAD_BYTES;
    if (size > MAX_FIELD_SECTION_BYTES || lines.length === MAX_FIELD_LINES) throw failed("too many fields");
    lines.push(line);
  }
  return lines;
}

/** Encodes literals without Huffman and without references. */
export function encodeFieldSection(lines: FieldLines): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0, 0)];
  for (const [name, value] of lines) {
    const nameBytes = Buffer.from(name, "latin1");
    const valueBytes = Buffer.from(value, "latin1");
    // 001NHxxx: literal name, not Huffman; then Hxxxxxxx: value.
    parts.push(encodeInteger(0x20, 3, nameBytes.length), nameBytes);
    parts.push(encodeInteger(0x00, 7, valueBytes.length), valueBytes);
  }
  return Buffer.concat(parts);
}

/** First value of a field. */
export function fieldValue(lines: FieldLines, name: string): string | undefined {
  return lines.find(([candidate]) => candidate === name)?.[1];
}

class QpackReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** One field line, by the pattern of its first byte. */
  line(): [string, string] {
    const first = this.#peek();
    if ((first & 0x80) !== 0) {
      // 1Txxxxxx: indexed.
      if ((first & 0x40) === 0) throw failed("the dynamic table is off");
      const [name, value] = staticEntry(this.integer(6));
      return [name, value];
    }
    if ((first & 0x40) !== 0) {
      // 01NTxxxx: literal with a name from the table.
      if ((first & 0x10) === 0) throw failed("the dynamic table is off");
      const [name] = staticEntry(this.integer(4));
      return [name, this.string(7)];
    }
    // 001NHxxx: literal name. 0001xxxx and 0000Nxxx refer to the dynamic table.
    if ((first & 0x20) === 0) throw failed("the dynamic table is off");
    const name = this.string(3);
    return [name, this.string(7)];
  }

  /** Prefixed integer (RFC 7541 §5.1). */
  integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#next() & mask;
    if (value < mask) return value;
    for (let index = 0; index < MAX_INTEGER_BYTES; index += 1) {
      const byte = this.#next();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if ((byte & 0x80) === 0) return value;
    }
    throw failed("integer too large");
  }

  /** String with its Huffman flag just above the length prefix. */
  string(prefixBits: number): string {
    const huffman = (this.#peek() & (1 << prefixBits)) !== 0;
    const length = this.integer(prefixBits);
    if (length > this.#bytes.length - this.#offset) throw failed("string too long");
    const bytes = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    if (!huffman) return Buffer.from(bytes).toString("latin1");
    const text = decodeHuffman(bytes, MAX_FIELD_SECTION_BYTES);
    if (text === undefined) throw failed("malformed Huffman string");
    return text;
  }

  #peek(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw failed("truncated");
    return byte;
  }

  #next(): number {
    const byte = this.#peek();
    this.#offset += 1;
    return byte;
  }
}

function staticEntry(index: number): readonly [string, string] {
  const entry = QPACK_STATIC_TABLE[index];
  if (entry === undefined) throw failed("no such static entry");
  return entry;
}

function encodeInteger(pattern: number, prefixBits: number, value: number): Uint8Array {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Uint8Array.of(pattern | value);
  const bytes = [pattern | mask];
  let rest = value - mask;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function failed(message: string): Http3Error {
  return new Http3Error(QPACK_DECOMPRESSION_FAILED, `QPACK: ${message}`);
}
