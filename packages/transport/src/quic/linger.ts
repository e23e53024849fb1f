const NEVER = Number.POSITIVE_INFINITY;

/** A close that waits for the peer's, for a time. */
export class Linger {
  #atMs = NEVER;
  #code = 0;

  /** When the wait is over; infinite without one. */
  get atMs(): number {
    return this.#atMs;
  }

  begin(atMs: number, wireCode: number): void {
    this.#atMs = atMs;
    this.#code = wireCode;
  }

  /** Never makes the wait longer. */
  shorten(atMs: number): void {
    this.#atMs = Math.min(this.#atMs, atMs);
  }

  /** The code to close with; undefined if nothing waits. */
  end(): number | undefined {
    if (this.#atMs === NEVER) return undefined;
    this.#atMs = NEVER;
    return this.#code;
  }
}
