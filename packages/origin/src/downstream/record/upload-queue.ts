import { backoffMs, delay, type Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import type { RecordCounters } from "./record-counters.ts";
import type { RecordingStorage } from "./recording-storage.ts";

export interface UploadQueueDeps {
  readonly storage: RecordingStorage;
  readonly counters: RecordCounters;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** An outage of the store costs disk, not memory: the queue holds names. */
const BACKOFF = { baseMs: 500, capMs: 30_000 };

/**
 * Brings the files of one recording to the object store, one after the other, and tries each until it is there. The
 * files stay on the disk until all are.
 */
export class UploadQueue {
  readonly #id: string;
  readonly #deps: UploadQueueDeps;
  readonly #pending: { readonly name: string; readonly path: string }[] = [];
  #running: Promise<void> | undefined;
  #problem: OriginError | undefined;

  constructor(id: string, deps: UploadQueueDeps) {
    this.#id = id;
    this.#deps = deps;
  }

  /** Why files are waiting; undefined while all goes well. */
  get problem(): OriginError | undefined {
    return this.#problem;
  }

  get pending(): number {
    return this.#pending.length;
  }

  push(name: string, path: string): void {
    this.#pending.push({ name, path });
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is left to do, or the signal is aborted. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#deps;
    for (let next = this.#pending[0]; next !== undefined && !signal.aborted; next = this.#pending[0]) {
      await this.#storeUntilDone(next.name, next.path);
      this.#pending.shift();
    }
    this.#running = undefined;
  }

  async #storeUntilDone(name: string, path: string): Promise<void> {
    const { storage, counters, logger, signal, random = Math.random } = this.#deps;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await storage.store(this.#id, name, path, signal);
        counters.uploads.stored += 1;
        this.#problem = undefined;
        return;
      } catch (error) {
        if (signal.aborted) return;
        counters.uploads.failed += 1;
        const isFirst = this.#problem === undefined;
        this.#problem = asStorageError(error, name);
        if (isFirst) {
          logger.warn({ recording: this.#id, file: name, reason: this.#problem.message }, "an upload failed");
        }
        await delay(backoffMs(attempt, random(), BACKOFF), signal);
      }
    }
  }
}

function asStorageError(error: unknown, name: string): OriginError {
  if (error instanceof OriginError) return error;
  return new OriginError("storage-failed", `${name} could not be read for its upload.`, { cause: error });
}
