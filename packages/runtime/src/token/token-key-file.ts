import { readFile, stat } from "node:fs/promises";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { Clock } from "../time/clock.ts";
import { loadTokenKeys, type TokenKey } from "./token-key.ts";
import { TokenVerifier } from "./token-verifier.ts";

/**
 * How often the file's stamp is looked at. Asked for, not told of: mounted secrets are exchanged by moving a link,
 * of which watchers of a file are not told.
 */
const DEFAULT_CHECK_INTERVAL_MS = 2_000;
/** 32 keys have far less. */
const MAX_FILE_BYTES = 256 * 1_024;

export interface TokenKeyFileOptions {
  readonly path: string;
  readonly checkIntervalMs?: number;
}

export interface TokenKeyFileDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A verifier whose keys stand in a file, which is read again when it changes. */
export class TokenKeyFile implements Disposable {
  readonly verifier: TokenVerifier;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #count: (kind: "taken" | "refused") => void;
  readonly #timer: NodeJS.Timeout;
  #stamp: string;
  #reading: Promise<void> | undefined;

  private constructor(
    options: TokenKeyFileOptions,
    deps: TokenKeyFileDeps,
    first: { readonly keys: readonly TokenKey[]; readonly stamp: string },
  ) {
    this.#path = options.path;
    this.#logger = deps.logger;
    this.#count = deps.metrics.counter("canopy_token_key_reloads_total");
    this.#stamp = first.stamp;
    this.verifier = new TokenVerifier({ keys: first.keys }, { clock: deps.clock });
    const check = (): void => {
      // Settles by itself: failures are logged and counted inside.
      void this.check();
    };
    this.#timer = setInterval(check, options.checkIntervalMs ?? DEFAULT_CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Rejects with code `token-key-invalid`, or with the system's error if the file cannot be read. */
  static async open(options: TokenKeyFileOptions, deps: TokenKeyFileDeps): Promise<TokenKeyFile> {
    const stamp = await stampOf(options.path);
    return new TokenKeyFile(options, deps, { keys: await readKeys(options.path), stamp });
  }

  /** Reads the file if it has changed since, or `force`. What cannot be used changes nothing. */
  check(force = false): Promise<void> {
    this.#reading ??= this.#check(force).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #check(force: boolean): Promise<void> {
    let stamp = "";
    try {
      stamp = await stampOf(this.#path);
      if (stamp === this.#stamp && !force) return;
      const keys = await readKeys(this.#path);
      this.verifier.setKeys(keys);
      this.#count("taken");
      this.#logger.info({ kids: keys.map(({ id }) => id ?? "none") }, "the token keys were read again");
    } catch (error) {
      // Once per state of the file: it stays away, or as it is.
      if (stamp !== this.#stamp || force) {
        this.#count("refused");
        this.#logger.error(
          { reason: reasonOf(error) },
          "the token keys could not be read again; the old ones stay",
        );
      }
    }
    this.#stamp = stamp;
  }
}

async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size, ino, dev } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new RuntimeError("token-key-invalid", "the key file is too large");
  return `${mtimeMs}/${size}/${ino}/${dev}`;
}

async function readKeys(path: string): Promise<readonly TokenKey[]> {
  return loadTokenKeys(await readFile(path, "utf8"));
}

/** Without the file's content, which a parser's error might quote. */
function reasonOf(error: unknown): string {
  if (error instanceof RuntimeError) return error.message;
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
