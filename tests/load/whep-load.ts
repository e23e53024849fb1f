import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type MediaKind, ReceiverTicker, WhepViewer } from "../harness/whep-viewer.ts";
import { Samples } from "./samples.ts";

// Many WHEP viewers in processes of their own: receiving and decrypting costs as much as sending does, and must not
// be counted with the edge. The same bundle is started again with this variable.
const ROLE_VARIABLE = "CANOPY_LOAD_ROLE";
const ROLE = "whep";

/** Handshakes under way at one time, per process. */
const CONNECT_TOGETHER = 16;
/** Ages that are handed over per process: enough for a 99th percentile. */
const AGES_KEPT = 20_000;

export interface WhepLoadOptions {
  readonly url: string;
  readonly broadcast: string;
  readonly congestionFeedback: boolean;
  readonly kinds: readonly MediaKind[];
  /** So many viewers of each process look at every packet; the others only receive and decrypt, which costs less. */
  readonly watchful: number;
}

const COUNTED = ["packets", "bytes", "frames", "missed", "recovered", "nacks", "plis", "freezes"] as const;

/** Sums over the watchful viewers; frames are those of the video. */
type Counted = Readonly<Record<(typeof COUNTED)[number], number>>;

/** What the watchful viewers of one process, or of all of them, saw since the last `clear`. */
export interface WhepLoadTotals extends Counted {
  /** Viewers that the sums are of. */
  readonly watchful: number;
  readonly cpuSeconds: number;
  /** Media time to arrival of whole frames, a sample. */
  readonly ages: readonly number[];
}

type Request =
  | { readonly kind: "add"; readonly options: WhepLoadOptions; readonly count: number }
  | { readonly kind: "clear" }
  | { readonly kind: "totals" }
  | { readonly kind: "close" };

type Reply =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "totals"; readonly totals: WhepLoadTotals };

/** Whether this process was started to be viewers. */
export function isWhepLoadProcess(): boolean {
  return process.env[ROLE_VARIABLE] === ROLE;
}

/** Serves the requests of the process that started this one, until it is gone. */
export async function runWhepLoadProcess(): Promise<void> {
  const viewers: WhepViewer[] = [];
  let watchful: WhepViewer[] = [];
  const ages = new Samples(AGES_KEPT);
  const ticker = new ReceiverTicker();
  let before = sum(watchful);
  let cpuBefore = process.cpuUsage();
  const handle = async (request: Request): Promise<Reply> => {
    if (request.kind === "add") {
      const onFrame = (kind: string, ageMs: number | undefined): void => {
        if (kind === "video" && ageMs !== undefined) ages.add(ageMs);
      };
      const { options } = request;
      for (let left = request.count; left > 0; left -= CONNECT_TOGETHER) {
        const together = Array.from({ length: Math.min(left, CONNECT_TOGETHER) }, (_, index) => {
          const isSilent = viewers.length + index >= options.watchful;
          return WhepViewer.connect({ ...options, ticker, onFrame, isSilent });
        });
        viewers.push(...(await Promise.all(together)));
      }
      watchful = viewers.slice(0, options.watchful);
    } else if (request.kind === "clear") {
      ages.clear();
      before = sum(watchful);
      cpuBefore = process.cpuUsage();
    } else if (request.kind === "totals") {
      const now = sum(watchful);
      const cpu = process.cpuUsage(cpuBefore);
      const grown = counted((name) => now[name] - before[name]);
      const cpuSeconds = (cpu.user + cpu.system) / 1e6;
      return {
        kind: "totals",
        totals: { ...grown, watchful: watchful.length, cpuSeconds, ages: ages.values() },
      };
    } else {
      await Promise.all(viewers.map((viewer) => viewer.close()));
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

/** One number per name. */
function counted(count: (name: keyof Counted) => number): Counted {
  return Object.fromEntries(COUNTED.map((name) => [name, count(name)])) as Counted;
}

function sum(viewers: readonly WhepViewer[]): Counted {
  const tracks = viewers.flatMap((viewer) =>
    viewer.kinds.map((kind) => ({ kind, stats: viewer.stats(kind) })),
  );
  return counted((name) =>
    tracks.reduce(
      (total, { kind, stats }) => (name === "frames" && kind === "audio" ? total : total + stats[name]),
      0,
    ),
  );
}

/** The viewers' processes, as the benchmark sees them. */
export class WhepLoad implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];
  readonly #options: WhepLoadOptions;

  /** `pin` is called with each process before it does anything. */
  constructor(processes: number, options: WhepLoadOptions, pin: (pid: number) => void) {
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

  async totals(): Promise<WhepLoadTotals> {
    const replies = await Promise.all(this.#processes.map((child) => ask(child, { kind: "totals" })));
    const all = replies.flatMap((reply) => (reply.kind === "totals" ? [reply.totals] : []));
    const add = (name: keyof Counted | "cpuSeconds" | "watchful"): number =>
      all.reduce((total, one) => total + one[name], 0);
    const ages = all.flatMap((one) => one.ages);
    return { ...counted(add), watchful: add("watchful"), cpuSeconds: add("cpuSeconds"), ages };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((child) => ask(child, { kind: "close" }).catch(() => {})));
    for (const child of this.#processes) child.kill();
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
