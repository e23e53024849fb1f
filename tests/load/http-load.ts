import {
  createViewerAgent,
  FlvLoadViewer,
  HlsLoadViewer,
  type HttpViewer,
  type HttpViewerCounts,
} from "./http-viewers.ts";
import { Samples } from "./samples.ts";
import {
  AGES_KEPT,
  isViewerProcess,
  serveViewers,
  ViewerProcesses,
  type ViewerProcessesOptions,
} from "./viewer-processes.ts";

const ROLE = "http";
/** Between two viewers of one process that come. */
const JOIN_GAP_MS = 8;
const FIRST_UNITS_TIMEOUT_MS = 60_000;

export interface HttpLoadOptions {
  readonly kind: "hls" | "flv";
  readonly url: string;
}

const COUNTED = ["requests", "bytes", "units", "failures"] as const;

type HttpCount = (typeof COUNTED)[number];

export const isHttpLoadProcess = (): boolean => isViewerProcess(ROLE);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function runHttpLoadProcess(): Promise<void> {
  const viewers: HttpViewer[] = [];
  const ages = new Samples(AGES_KEPT);
  const counts: HttpViewerCounts = { requests: 0, bytes: 0, units: 0, failures: 0 };
  const agent = createViewerAgent();
  const deps = { agent, counts, onAge: (ageMs: number) => ages.add(ageMs) };
  let before = { ...counts };
  return serveViewers<HttpLoadOptions, HttpCount>({
    add: async ({ kind, url }, count) => {
      for (let left = count; left > 0; left -= 1) {
        viewers.push(kind === "hls" ? new HlsLoadViewer(url, deps) : new FlvLoadViewer(url, deps));
        await sleep(JOIN_GAP_MS);
      }
      const deadline = Date.now() + FIRST_UNITS_TIMEOUT_MS;
      while (viewers.some((viewer) => viewer.units < 3)) {
        if (Date.now() > deadline) throw new Error(`a viewer gets nothing; ${counts.failures} failures`);
        await sleep(100);
      }
    },
    clear: () => {
      ages.clear();
      before = { ...counts };
    },
    totals: () => ({
      requests: counts.requests - before.requests,
      bytes: counts.bytes - before.bytes,
      units: counts.units - before.units,
      failures: counts.failures - before.failures,
      ages: ages.values(),
    }),
    // They leave with their process.
    close: () => Promise.resolve(),
  });
}

export function startHttpLoad(
  options: ViewerProcessesOptions<HttpLoadOptions>,
): ViewerProcesses<HttpLoadOptions, HttpCount> {
  return new ViewerProcesses(ROLE, COUNTED, options);
}
