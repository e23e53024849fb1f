import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  createViewerAgent,
  FlvLoadViewer,
  HlsLoadViewer,
  type HttpViewer,
  type HttpViewerCounts,
} from "./http-viewers.ts";
import { Samples } from "./samples.ts";

// Many viewers by HTTP in processes of their own, so that receiving is not counted with the edge. The same bundle is
// started again with this variable.
const ROLE_VARIABLE = "CANOPY_LOAD_ROLE";
const ROLE = "http";
/** Ages that are handed over per process: enough for a 99th percentile. */
const AGES_KEPT = 20_000;
/** Between two viewers of one process that come. */
const JOIN_GAP_MS = 8;
const FIRST_UNITS_TIMEOUT_MS = 60_000;

export interface HttpLoadOptions {
  readonly kind: "hls" | "flv";
  readonly url: string;
}

export interface HttpLoadTotals extends HttpViewerCounts {
  readonly cpuSeconds: number;
  readonly ages: readonly number[];
}

type Request =
  | { readonly kind: "add"; readonly options: HttpLoadOptions; readonly count: number }
  | { readonly kind: "clear" }
  | { readonly kind: "totals" };

type Reply =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "totals"; readonly totals: HttpLoadTotals };

/** Whether this process was started to be viewers. */
export function isHttpLoadProcess(): boolean {
  return process.env[ROLE_VARIABLE] === ROLE;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Serves the requests of the process that started this one, until it is gone. */
export async function runHttpLoadProcess(): Promise<void> {
  const viewers: HttpViewer[] = [];
  const ages = new Samples(AGES_KEPT);
  const counts: HttpViewerCounts = { requests: 0, bytes: 0, units: 0, failures: 0 };
  const agent = createViewerAgent();
  const deps = { agent, counts, onAge: (ageMs: number) => ages.add(ageMs) };
  let before = { ...counts };
  let cpuBefore = process.cpuUsage();
  const handle = async (request: Request): Promise<Reply> => {
    if (request.kind === "add") {
      const { kind, url } = request.options;
      for (let left = request.count; left > 0; left -= 1) {
        viewers.push(kind === "hls" ? new HlsLoadViewer(url, deps) : new FlvLoadViewer(url, deps));
        await sleep(JOIN_GAP_MS);
      }
      const deadline = Date.now() + FIRST_UNITS_TIMEOUT_MS;
      while (viewers.some((viewer) => viewer.units < 3)) {
        if (Date.now() > deadline) throw new Error(`a viewer gets nothing; ${counts.failures} failures`);
        await sleep(100);
      }
    } else if (request.kind === "clear") {
      ages.clear();
      before = { ...counts };
      cpuBefore = process.cpuUsage();
    } else {
      const cpu = process.cpuUsage(cpuBefore);
      const totals = {
        requests: counts.requests - before.requests,
        bytes: counts.bytes - before.bytes,
        units: counts.units - before.units,
        failures: counts.failures - before.failures,
        cpuSeconds: (cpu.user + cpu.system) / 1e6,
        ages: ages.values(),
      };
      return { kind: "totals", totals };
    }
    return { kind: "done" };
  };
  process.on("message", (request: Request) => {
    handle(request).then(
      (reply) => process.send?.(reply),
      (error: unknown) => process.send?.({ kind: "failed", message: String(error) }),
    );
  });
  await once(process, "disconnect");
}

/** The viewers' processes, as the benchmark sees them. */
export class HttpLoad implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];
  readonly #options: HttpLoadOptions;

  /** `pin` is called with each process before it does anything. */
  constructor(processes: number, options: HttpLoadOptions, pin: (pid: number) => void) {
    this.#options = options;
    this.#processes = Array.from({ length: processes }, () => {
      const child = fork(process.argv[1] ?? "", [], { env: { ...process.env, [ROLE_VARIABLE]: ROLE } });
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
        return ask(child, { kind: "add", options: this.#options, count: own });
      }),
    );
  }

  async clear(): Promise<void> {
    await Promise.all(this.#processes.map((child) => ask(child, { kind: "clear" })));
  }

  async totals(): Promise<HttpLoadTotals> {
    const replies = await Promise.all(this.#processes.map((child) => ask(child, { kind: "totals" })));
    const all = replies.flatMap((reply) => (reply.kind === "totals" ? [reply.totals] : []));
    const add = (name: "requests" | "bytes" | "units" | "failures" | "cpuSeconds"): number =>
      all.reduce((total, one) => total + one[name], 0);
    return {
      requests: add("requests"),
      bytes: add("bytes"),
      units: add("units"),
      failures: add("failures"),
      cpuSeconds: add("cpuSeconds"),
      ages: all.flatMap(({ ages }) => ages),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) child.kill();
    return Promise.resolve();
  }
}

/** One request at a time per process. */
async function ask(child: ChildProcess, request: Request): Promise<Reply> {
  const settled = new AbortController();
  try {
    const { signal } = settled;
    const replied = once(child, "message", { signal }).then(([reply]) => reply as Reply);
    const ended = once(child, "exit", { signal }).then((): Reply => {
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
