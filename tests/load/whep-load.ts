import { type MediaKind, ReceiverTicker, WhepViewer } from "../harness/whep-viewer.ts";
import { Samples } from "./samples.ts";
import {
  AGES_KEPT,
  isViewerProcess,
  type LoadTotals,
  serveViewers,
  sumOf,
  ViewerProcesses,
  type ViewerProcessesOptions,
} from "./viewer-processes.ts";

const ROLE = "whep";

/** Handshakes under way at one time, per process. */
const CONNECT_TOGETHER = 16;

export interface WhepLoadOptions {
  readonly url: string;
  readonly broadcast: string;
  readonly congestionFeedback: boolean;
  readonly kinds: readonly MediaKind[];
  /** So many viewers of each process look at every packet; the others only receive and decrypt, which costs less. */
  readonly watchful: number;
}

/** Sums over the watchful viewers; frames are those of the video, ages those of whole frames. */
const COUNTED = ["packets", "bytes", "frames", "missed", "recovered", "nacks", "plis", "freezes"] as const;

type Counted = Readonly<Record<(typeof COUNTED)[number], number>>;

/** `watchful`: viewers that the sums are of. */
type WhepCount = keyof Counted | "watchful";

export type WhepLoadTotals = LoadTotals<WhepCount>;

export const isWhepLoadProcess = (): boolean => isViewerProcess(ROLE);

export function runWhepLoadProcess(): Promise<void> {
  const viewers: WhepViewer[] = [];
  let watchful: WhepViewer[] = [];
  const ages = new Samples(AGES_KEPT);
  const ticker = new ReceiverTicker();
  let before = counted(watchful);
  const onFrame = (kind: string, ageMs: number | undefined): void => {
    if (kind === "video" && ageMs !== undefined) ages.add(ageMs);
  };
  return serveViewers<WhepLoadOptions, WhepCount>({
    add: async (options, count) => {
      for (let left = count; left > 0; left -= CONNECT_TOGETHER) {
        const together = Array.from({ length: Math.min(left, CONNECT_TOGETHER) }, (_, index) => {
          const isSilent = viewers.length + index >= options.watchful;
          return WhepViewer.connect({ ...options, ticker, onFrame, isSilent });
        });
        viewers.push(...(await Promise.all(together)));
      }
      watchful = viewers.slice(0, options.watchful);
    },
    clear: () => {
      ages.clear();
      before = counted(watchful);
    },
    totals: () => {
      const now = counted(watchful);
      const grown = COUNTED.map((name) => [name, now[name] - before[name]]);
      return {
        ...(Object.fromEntries(grown) as Counted),
        watchful: watchful.length,
        ages: ages.values(),
      };
    },
    close: async () => {
      await Promise.all(viewers.map((viewer) => viewer.close()));
    },
  });
}

function counted(viewers: readonly WhepViewer[]): Counted {
  const tracks = viewers.flatMap((viewer) =>
    viewer.kinds.map((kind) => {
      const stats = viewer.stats(kind);
      return kind === "audio" ? { ...stats, frames: 0 } : stats;
    }),
  );
  return sumOf(COUNTED, tracks);
}

export function startWhepLoad(
  options: ViewerProcessesOptions<WhepLoadOptions>,
): ViewerProcesses<WhepLoadOptions, WhepCount> {
  return new ViewerProcesses(ROLE, [...COUNTED, "watchful"], options);
}
