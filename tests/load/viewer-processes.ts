import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

// Many viewers in processes of their own: receiving costs as much as sending does, and must not be counted with the
// edge. The bundle of the benchmark is started again with this variable, whose value is the kind of viewers.
const ROLE_VARIABLE = "CANOPY_LOAD_ROLE";

/** Ages that are handed over per process: enough for a 99th percentile. */
export const AGES_KEPT = 20_000;

/** Counts by name, and ages: media time to arrival, a sample. */
export type ViewerTotals<Name extends string> = Readonly<Record<Name, number>> & {
  readonly ages: readonly number[];
};

/** The viewers of one process. */
export interface ViewerGroup<Options, Name extends string> {
  /** Connects so many more; resolves when they get media. */
  add(options: Options, count: number): Promise<void>;
  /** Begins to count anew. */
  clear(): void;
  /** Since the last `clear`. */
  totals(): ViewerTotals<Name>;
  close(): Promise<void>;
}

/** With the CPU time that the processes took since the last `clear`. */
export type LoadTotals<Name extends string> = ViewerTotals<Name | "cpuSeconds">;

type Request<Options> =
  | { readonly kind: "add"; readonly options: Options; readonly count: number }
  | { readonly kind: "clear" }
  | { readonly kind: "totals" }
  | { readonly kind: "close" };

type Reply<Name extends string> =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "totals"; readonly totals: LoadTotals<Name> };

/** Whether this process was started to be viewers of that kind. */
export function isViewerProcess(role: string): boolean {
  return process.env[ROLE_VARIABLE] === role;
}

/** Serves the requests of the process that started this one, until it is gone. */
export async function serveViewers<Options, Name extends string>(
  group: ViewerGroup<Options, Name>,
): Promise<void> {
  let cpuBefore = process.cpuUsage();
  const handle = async (request: Request<Options>): Promise<Reply<Name>> => {
    if (request.kind === "add") await group.add(request.options, request.count);
    else if (request.kind === "close") await group.close();
    else if (request.kind === "clear") {
      group.clear();
      cpuBefore = process.cpuUsage();
    } else {
      const cpu = process.cpuUsage(cpuBefore);
      const cpuSeconds = (cpu.user + cpu.system) / 1e6;
      return { kind: "totals", totals: { ...group.totals(), cpuSeconds } as LoadTotals<Name> };
    }
    return { kind: "done" };
  };
  process.on("message", (request: Request<Options>) => {
    handle(request).then(
      (reply) => process.send?.(reply),
      (error: unknown) => process.send?.({ kind: "failed", message: String(error) }),
    );
  });
  await once(process, "disconnect");
}

export interface ViewerProcessesOptions<Options> {
  readonly processes: number;
  /** Of each viewer. */
  readonly viewer: Options;
  /** Called with each process before it does anything. */
  readonly pin: (pid: number) => void;
}

/** The viewers' processes, as the benchmark sees them. */
export class ViewerProcesses<Options, Name extends string> implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];
  readonly #viewer: Options;
  readonly #names: readonly Name[];

  /** `names` are those of the counts that its groups keep. */
  constructor(role: string, names: readonly Name[], options: ViewerProcessesOptions<Options>) {
    const { processes, viewer, pin } = options;
    this.#viewer = viewer;
    this.#names = names;
    this.#processes = Array.from({ length: processes }, () => {
      const child = fork(process.argv[1] ?? "", [], { env: { ...process.env, [ROLE_VARIABLE]: role } });
      if (child.pid !== undefined) pin(child.pid);
      return child;
    });
  }

  /** Connects so many more viewers, spread over the processes. */
  async add(count: number): Promise<void> {
    const share = Math.ceil(count / this.#processes.length);
    await Promise.all(
      this.#processes.map((child, index) => {
        const own = Math.max(0, Math.min(share, count - index * share));
        return this.#ask(child, { kind: "add", options: this.#viewer, count: own });
      }),
    );
  }

  async clear(): Promise<void> {
    await Promise.all(this.#processes.map((child) => this.#ask(child, { kind: "clear" })));
  }

  async totals(): Promise<LoadTotals<Name>> {
    const replies = await Promise.all(this.#processes.map((child) => this.#ask(child, { kind: "totals" })));
    const all = replies.flatMap((reply) => (reply.kind === "totals" ? [reply.totals] : []));
    const sums: Readonly<Record<Name | "cpuSeconds", number>> = sumOf([...this.#names, "cpuSeconds"], all);
    return { ...sums, ages: all.flatMap(({ ages }) => ages) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((child) => this.#ask(child, { kind: "close" }).catch(() => {})));
    for (const child of this.#processes) child.kill();
  }

  /** One request at a time per process. */
  async #ask(child: ChildProcess, request: Request<Options>): Promise<Reply<Name>> {
    const settled = new AbortController();
    try {
      const { signal } = settled;
      const replied = once(child, "message", { signal }).then(([reply]) => reply as Reply<Name>);
      const ended = once(child, "exit", { signal }).then((): Reply<Name> => {
        return { kind: "failed", message: "a process of viewers has ended" };
      });
      child.send(request);
      // Aborted below, the other one rejects.
      for (const promise of [replied, ended]) promise.catch(() => {});
      const reply = await Promise.race([replied, ended]);
      if (reply.kind === "failed") throw new Error(reply.message);
      return reply;
    } finally {
      settled.abort();
    }
  }
}

/** One number per name: the sum over all of what each has under it. */
export function sumOf<Name extends string>(
  names: readonly Name[],
  all: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const sums = names.map((name) => [name, all.reduce((total, one) => total + one[name], 0)]);
  return Object.fromEntries(sums) as Record<Name, number>;
}
