import { connect } from "node:net";
import { delay } from "@canopy/runtime";
import { CliError } from "../cli-error.ts";
import { SupervisedProcess } from "../supervise/supervised-process.ts";
import type { WorkerPlan } from "./plan-workers.ts";

/** Workers that have the first as their parent begin when it listens; if it takes longer they begin all the same. */
const FIRST_DEADLINE_MS = 15_000;
const POLL_INTERVAL_MS = 50;

export interface WorkerSupervisorOptions {
  /** Where the workers listen. */
  readonly host: string;
  /** How long a worker may take from SIGTERM to its end. */
  readonly stopDeadlineMs: number;
}

export interface WorkerSupervisorDeps {
  /** Of the command, which each process runs. */
  readonly script: string;
  readonly report: (message: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The processes of a node with several workers, kept running until `close`. They share nothing but the machine: one
 * that crashes is started again alone, and its viewers go on at the others meanwhile.
 */
export class WorkerSupervisor {
  readonly #options: WorkerSupervisorOptions;
  readonly #workers: readonly { readonly plan: WorkerPlan; readonly process: SupervisedProcess }[];
  readonly #failure = new AbortController();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(plans: readonly WorkerPlan[], options: WorkerSupervisorOptions, deps: WorkerSupervisorDeps) {
    this.#options = options;
    this.#workers = plans.map((plan) => ({
      plan,
      process: new SupervisedProcess(
        {
          name: plan.name,
          script: deps.script,
          args: plan.args,
          env: deps.env,
          stopDeadlineMs: options.stopDeadlineMs,
        },
        {
          report: deps.report,
          // All have the same settings: what one refuses, every other one does.
          onHopeless: (message) => this.#failure.abort(new CliError("usage", message)),
        },
      ),
    }));
  }

  /** Aborted, with a `CliError` as reason, when a worker can never run. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Starts the first worker, and the others as soon as they find it. */
  async start(): Promise<void> {
    const [first, ...others] = this.#workers;
    if (first === undefined) return;
    first.process.start();
    await this.#untilListening(first.plan.port);
    for (const { process } of others) process.start();
  }

  /**
   * All at the same time, so that a drain takes its time once: whoever loses the first worker as parent goes to the
   * parents of the node. Idempotent.
   */
  close(): Promise<void> {
    this.#closed.abort();
    this.#closing ??= Promise.all(this.#workers.map(({ process }) => process.stop())).then(() => undefined);
    return this.#closing;
  }

  async #untilListening(port: number): Promise<void> {
    const { host } = this.#options;
    const stopped = AbortSignal.any([this.#failure.signal, this.#closed.signal]);
    const endsAt = performance.now() + FIRST_DEADLINE_MS;
    while (!stopped.aborted && performance.now() < endsAt) {
      if (await listensOn(localAddress(host), port)) return;
      await delay(POLL_INTERVAL_MS, stopped);
    }
  }
}

/** Where a process of the same machine reaches one that listens on `host`. */
export function localAddress(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function listensOn(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (listens: boolean): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
