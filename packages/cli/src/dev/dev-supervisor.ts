import { CliError } from "../cli-error.ts";
import { SupervisedProcess } from "../supervise/supervised-process.ts";
import type { DevNode } from "./dev-tree.ts";

export interface DevSupervisorDeps {
  /** Of the command, which each process runs. */
  readonly script: string;
  readonly report: (message: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The processes of `canopy dev`, kept running until `close`. */
export class DevSupervisor {
  readonly #nodes: readonly { readonly node: DevNode; readonly process: SupervisedProcess }[];
  readonly #failure = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(nodes: readonly DevNode[], deps: DevSupervisorDeps) {
    this.#nodes = nodes.map((node) => ({
      node,
      process: new SupervisedProcess(
        { name: node.name, script: deps.script, args: node.args, env: { ...deps.env, ...node.env } },
        {
          report: deps.report,
          onHopeless: (message) => this.#failure.abort(new CliError("node-failed", message)),
        },
      ),
    }));
  }

  /** Aborted, with a `CliError` as reason, when a process can never run. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#nodes.map(({ process }) => process);
  }

  /** Starts the process of one node. */
  start(node: DevNode): void {
    this.#nodes.find((entry) => entry.node === node)?.process.start();
  }

  /** Stops from the viewers up: what feeds the others goes last, so that nobody reports a lost parent. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  async #stopAll(): Promise<void> {
    for (const role of ["broadcaster", "edge", "relay", "origin"] as const) {
      const stops = this.#nodes.filter(({ node }) => node.role === role).map(({ process }) => process.stop());
      await Promise.all(stops);
    }
  }
}
