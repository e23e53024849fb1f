import type { Logger } from "../log/logger.ts";
import { deadline } from "../time/deadline.ts";

/** Longest that closing one part may take before the next one is closed all the same. */
const DEFAULT_CLOSE_DEADLINE_MS = 3_000;

export type CloseFunction = () => void | Promise<void>;

interface OpenPart {
  readonly name: string;
  readonly close: CloseFunction;
  readonly deadlineMs: number;
}

export interface LifetimeDeps {
  readonly logger: Logger;
}

/**
 * Owns what a process has opened. `signal` aborts first, then the parts close one after another in reverse order of
 * opening, each within its deadline: a part that fails or hangs does not keep the others open.
 */
export class Lifetime implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #parts: OpenPart[] = [];
  readonly #logger: Logger;
  #closing: Promise<boolean> | undefined;

  constructor(deps: LifetimeDeps) {
    this.#logger = deps.logger;
  }

  /** Aborted when closing begins; `reason` is why. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes over a part. If closing has begun already, the part is closed at once. */
  add(name: string, close: CloseFunction, deadlineMs: number = DEFAULT_CLOSE_DEADLINE_MS): void {
    const part: OpenPart = { name, close, deadlineMs };
    if (this.#closing === undefined) {
      this.#parts.push(part);
      return;
    }
    void this.#closePart(part);
  }

  /** Takes over anything with `close()` and returns it. */
  own<T extends { close(): void | Promise<void> }>(name: string, part: T, deadlineMs?: number): T {
    this.add(name, () => part.close(), deadlineMs);
    return part;
  }

  /** Idempotent. Resolves with true if every part closed within its deadline; never rejects. */
  close(reason?: unknown): Promise<boolean> {
    this.#closing ??= this.#closeAll(reason);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #closeAll(reason: unknown): Promise<boolean> {
    this.#controller.abort(reason);
    let clean = true;
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      clean = (await this.#closePart(part)) && clean;
    }
    return clean;
  }

  async #closePart(part: OpenPart): Promise<boolean> {
    try {
      await deadline(Promise.resolve(part.close()), part.deadlineMs, `closing ${part.name}`);
      return true;
    } catch (error) {
      this.#logger.error({ part: part.name, err: error }, "a part did not close cleanly");
      return false;
    }
  }
}
