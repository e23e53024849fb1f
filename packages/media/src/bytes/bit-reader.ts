import { MediaError } from "../media-error.ts";

/** Reads bits, most significant first (ISO/IEC 14496-10 §7.2). Bytes must be free of emulation prevention. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #field: string;
  #position = 0;

  /** `field` names the structure in errors. The bytes are borrowed. */
  constructor(bytes: Uint8Array, field: string) {
    this.#bytes = bytes;
    this.#field = field;
  }

  /** Bits read so far. */
  get position(): number {
    return this.#position;
  }

  get bitsLeft(): number {
    return this.#bytes.length * 8 - this.#position;
  }

  /** u(n), 0 ≤ n ≤ 32. */
  bits(count: number): number {
    if (count > this.bitsLeft)
      throw new MediaError("truncated", `${this.#field} ends early`, { field: this.#field });
    let value = 0;
    let left = count;
    while (left > 0) {
      const offset = this.#position & 7;
      const take = Math.min(8 - offset, left);
      const byte = this.#bytes[this.#position >>> 3] as number;
      const part = (byte >>> (8 - offset - take)) & ((1 << take) - 1);
      // Multiplication, as `<<` would turn the 32nd bit into a sign.
      value = value * 2 ** take + part;
      this.#position += take;
      left -= take;
    }
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  skip(count: number): void {
    if (count > this.bitsLeft)
      throw new MediaError("truncated", `${this.#field} ends early`, { field: this.#field });
    this.#position += count;
  }

  /** ue(v), §9.1: up to 2^32 - 2. `max` is the largest legal value of the syntax element `name`. */
  ue(name: string, max = 0xffff_fffe): number {
    let zeros = 0;
    while (this.bits(1) === 0) {
      zeros += 1;
      if (zeros > 31) throw this.#outOfRange(name, max, Number.POSITIVE_INFINITY);
    }
    const value = 2 ** zeros - 1 + this.bits(zeros);
    if (value > max) throw this.#outOfRange(name, max, value);
    return value;
  }

  /** se(v), §9.1.1. */
  se(name: string): number {
    const code = this.ue(name);
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  #outOfRange(name: string, limit: number, actual: number): MediaError {
    const field = `${this.#field}.${name}`;
    return new MediaError("malformed", `${field} is out of range`, { field, limit, actual });
  }
}
