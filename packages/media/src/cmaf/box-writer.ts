import { ByteWriter } from "../bytes/byte-writer.ts";

/** ISO base media boxes into one growing buffer: `size(32) type(32) …` (ISO/IEC 14496-12 §4.2). */
export class BoxWriter extends ByteWriter {
  readonly #open: number[] = [];

  constructor(capacity = 1_024) {
    super(capacity);
  }

  /** Starts a box; its size is written by `end`. */
  begin(type: string): void {
    this.#open.push(this.length);
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
    if (start !== undefined) this.patchU32(start, this.length - start);
  }

  /** UTF-8 with a terminator, as ISO 14496-12 writes strings. */
  cString(value: string): void {
    this.text(value);
    this.u8(0);
  }
}
