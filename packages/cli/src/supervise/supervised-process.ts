import { type ChildProcess, spawn } from "node:child_process";
import { backoffMs, delay, EXIT_USAGE } from "@canopy/runtime";

/** After this long the process counts as sound, and the next end is answered by a quick start again. */
const SOUND_AFTER_MS = 10_000;
const RESTART_BACKOFF = { baseMs: 100, capMs: 5_000 };
/** Enough for a process that has nothing to wait for. */
const STOP_DEADLINE_MS = 2_500;

export interface SupervisedProcessOptions {
  /** For messages: `origin`, `edge-1`. */
  readonly name: string;
  /** JavaScript file that is run. */
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A process that has not ended by then after SIGTERM is killed. Default: 2.5 s. */
  readonly stopDeadlineMs?: number;
}

export interface SupervisedProcessDeps {
  /** Tells the user that the process ended and is started again. */
  readonly report: (message: string) => void;
  /** Called once when starting again is of no use (wrong usage): the supervisor stops everything. */
  readonly onHopeless: (message: string) => void;
  readonly random?: () => number;
}

/** A Node.js process that is started again, with back-off, whenever it ends without being asked to. */
export class SupervisedProcess {
  readonly name: string;
  readonly #options: SupervisedProcessOptions;
  readonly #deps: SupervisedProcessDeps;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #attempt = 0;
  #restarts = 0;

  constructor(options: SupervisedProcessOptions, deps: SupervisedProcessDeps) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
  }

  /** Undefined while it is not running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    if (this.#stopping.signal.aborted || this.#child !== undefined) return;
    const startedAt = performance.now();
    // The channel is never written to: it exists so that the process notices when this one dies.
    const child = spawn(process.execPath, [this.#options.script, ...this.#options.args], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: this.#options.env,
    });
    this.#child = child;
    child.on("error", (error) => {
      // One that was never started (the machine has no process or no file left to give) does not end, either.
      if (child.pid !== undefined) return;
      this.#child = undefined;
      if (!this.#stopping.signal.aborted) this.#startLater(`cannot be started: ${error.message}`);
    });
    child.once("exit", (code, signal) => {
      this.#child = undefined;
      if (performance.now() - startedAt > SOUND_AFTER_MS) this.#attempt = 0;
      this.#onExit(code, signal);
    });
  }

  /** SIGTERM, then SIGKILL after a deadline. Resolves when it has ended; it is not started again. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child?.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const deadlineMs = this.#options.stopDeadlineMs ?? STOP_DEADLINE_MS;
    const timer = setTimeout(() => {
      this.#deps.report(`${this.name} did not stop in ${deadlineMs} ms and was killed`);
      child.kill("SIGKILL");
    }, deadlineMs);
    await ended;
    clearTimeout(timer);
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping.signal.aborted) return;
    if (code === EXIT_USAGE) {
      this.#deps.onHopeless(`${this.name} refuses its settings`);
      return;
    }
    this.#startLater(signal === null ? `ended with exit code ${code ?? "unknown"}` : `ended by ${signal}`);
  }

  #startLater(reason: string): void {
    const waitMs = backoffMs(this.#attempt, (this.#deps.random ?? Math.random)(), RESTART_BACKOFF);
    this.#attempt += 1;
    this.#deps.report(`${this.name} ${reason}; starting it again in ${waitMs} ms`);
    void delay(waitMs, this.#stopping.signal).then(() => {
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
      this.start();
    });
  }
}
