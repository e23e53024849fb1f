import type { Logger } from "./logger.ts";

/** Often enough to see a problem while it lasts, seldom enough that a flood costs one line. */
const DEFAULT_INTERVAL_MS = 1_000;
/** Reasons are a closed set in the caller's code; the bound is for mistakes. */
const MAX_REASONS = 64;

export interface DropLogOptions {
  /** Constant message of the aggregated line. */
  readonly message: string;
  readonly intervalMs?: number;
}

export interface DropLogDeps {
  readonly logger: Logger;
}

/**
 * Counts repeated drops by reason and writes at most one warning per interval with all of them.
 * The first drop after a quiet time is written after one interval together with what followed it.
 */
export class DropLog implements Disposable {
  readonly #message: string;
  readonly #intervalMs: number;
  readonly #logger: Logger;
  readonly #pending = new Map<string, number>();
  readonly #totals = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DropLogOptions, deps: DropLogDeps) {
    this.#message = options.message;
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.#logger = deps.logger;
  }

  /** Cheap enough for every packet: two map updates, and a timer only for the first one of an interval. */
  drop(reason: string, count = 1): void {
    if (this.#closed) return;
    const known = this.#totals.get(reason);
    if (known === undefined && this.#totals.size >= MAX_REASONS && reason !== "other") {
      this.drop("other", count);
      return;
    }
    this.#totals.set(reason, (known ?? 0) + count);
    this.#pending.set(reason, (this.#pending.get(reason) ?? 0) + count);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#flush(), this.#intervalMs);
    this.#timer.unref();
  }

  /** Drops for this reason since the start. */
  total(reason: string): number {
    return this.#totals.get(reason) ?? 0;
  }

  /** Writes what is pending and stops. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#logger.warn({ dropped: Object.fromEntries(this.#pending) }, this.#message);
    this.#pending.clear();
  }
}
