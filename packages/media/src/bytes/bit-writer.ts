/** Writes bits, most significant first; the counterpart of `BitReader`. Not for hot paths. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #current = 0;
  #filled = 0;

  get position(): number {
    return this.#bytes.length * 8 + this.#filled;
  }

  /** u(n), 0 ≤ n ≤ 32. */
  bits(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i -= 1) {
      this.#current = (this.#current << 1) | (Math.floor(value / 2 ** i) % 2);
      this.#filled += 1;
      if (this.#filled === 8) {
        this.#bytes.push(this.#current);
        this.#current = 0;
        this.#filled = 0;
      }
    }
  }

  flag(value: boolean): void {
    this.bits(value ? 1 : 0, 1);
  }

  /** ue(v). */
  ue(value: number): void {
    const zeros = Math.floor(Math.log2(value + 1));
    this.bits(0, zeros);
    this.bits(value + 1, zeros + 1);
  }

  /** se(v). */
  se(value: number): void {
    this.ue(value > 0 ? value * 2 - 1 : -value * 2);
  }

  /** rbsp_trailing_bits(): a one, then zeros up to the byte border. */
  trailingBits(): void {
    this.bits(1, 1);
    this.alignWithZeros();
  }

  alignWithZeros(): void {
    if (this.#filled > 0) this.bits(0, 8 - this.#filled);
  }

  /** Whole bytes only: align first. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
