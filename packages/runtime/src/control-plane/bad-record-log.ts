import type { Logger } from "../log/logger.ts";
import type { BadRecordReason } from "./read-node-record.ts";

/** Different bad records that are remembered as logged; more are counted only. */
const MAX_LOGGED = 256;

export interface BadRecordLogDeps {
  readonly logger: Logger;
  readonly count: (reason: BadRecordReason) => void;
}

/** Counts records that are not as they should be, and writes one line for each, however often it comes again. */
export class BadRecordLog {
  readonly #deps: BadRecordLogDeps;
  readonly #logged = new Set<string>();

  constructor(deps: BadRecordLogDeps) {
    this.#deps = deps;
  }

  add(reason: BadRecordReason, key: string, field: string | undefined): void {
    this.#deps.count(reason);
    const name = `${reason} ${key}`;
    if (this.#logged.size >= MAX_LOGGED || this.#logged.has(name)) return;
    this.#logged.add(name);
    this.#deps.logger.warn({ reason, key, field }, "a record of the registry is not as it should be");
  }
}
