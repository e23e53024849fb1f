/** How much longer than they need tests with phases run, s: `CANOPY_TEST_SECONDS=600` makes long runs of them. */
const EXTRA_SECONDS = Number(process.env.CANOPY_TEST_SECONDS ?? 0);

/** Of a test with so many phases: what each is longer by, ms. */
export function extraMs(phases: number): number {
  return (EXTRA_SECONDS * 1_000) / phases;
}

/** Of a test or hook that runs so much longer. */
export function longTimeoutMs(timeoutMs = 120_000): number {
  // What it makes and reads (clips, files) is longer, too.
  return timeoutMs + EXTRA_SECONDS * 2_000;
}

/** A clip that does not start over within the test, s: packets are recognised by their bytes. */
export function clipSeconds(seconds: number): number {
  return seconds + EXTRA_SECONDS;
}

/** Heap and resident memory of this process over time, after collections where the process allows them. */
export class MemoryWatch implements Disposable {
  readonly samples: { readonly seconds: number; readonly heapMb: number; readonly rssMb: number }[] = [];
  readonly #startedMs = performance.now();
  readonly #timer = setInterval(() => this.#sample(), 1_000);

  constructor() {
    this.#sample();
  }

  /** Median of a part of the run, in shares of it: what is collected now and then does not count. */
  heapMb(from: number, to: number): number {
    const part = this.samples.slice(
      Math.floor(from * this.samples.length),
      Math.max(1, Math.ceil(to * this.samples.length)),
    );
    const sorted = part.map(({ heapMb }) => heapMb).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  }

  toString(): string {
    const rss = this.samples.map(({ rssMb }) => rssMb);
    const thirds = [0, 1, 2].map((part) => this.heapMb(part / 3, (part + 1) / 3).toFixed(1));
    return `heap by thirds ${thirds.join(", ")} MB; resident first ${rss[0]?.toFixed(0)}, last ${rss.at(-1)?.toFixed(0)}, most ${Math.max(...rss).toFixed(0)} MB`;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const { heapUsed, rss } = process.memoryUsage();
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    this.samples.push({ seconds, heapMb: heapUsed / 1_048_576, rssMb: rss / 1_048_576 });
  }
}
