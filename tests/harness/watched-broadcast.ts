import type { WireFrame } from "@canopy/protocol";
import type { QuicLoop } from "@canopy/transport/quic";
import { MoqViewer } from "./moq-viewer.ts";
import { waitFor } from "./wait-for.ts";

/** A picture as it arrived. */
export interface SeenFrame {
  readonly sequence: number;
  readonly timestampUs: number;
  readonly atMs: number;
}

/** The pictures of one broadcast as one Node viewer gets them, in one session. */
export class WatchedBroadcast {
  readonly url: string;
  readonly broadcast: string;
  readonly frames: readonly SeenFrame[];
  readonly #viewer: MoqViewer;

  private constructor(
    url: string,
    broadcast: string,
    parts: { readonly viewer: MoqViewer; readonly frames: readonly SeenFrame[] },
  ) {
    this.url = url;
    this.broadcast = broadcast;
    this.frames = parts.frames;
    this.#viewer = parts.viewer;
  }

  static async open(url: string, broadcast: string, loop?: QuicLoop): Promise<WatchedBroadcast> {
    const frames: SeenFrame[] = [];
    const viewer = await MoqViewer.connect({
      url,
      broadcast,
      tracks: ["video"],
      transport: "quic",
      ...(loop === undefined ? {} : { loop }),
      maxLatencyMs: 10_000,
      onFrame: (_track: string, sequence: number, frame: WireFrame) =>
        frames.push({ sequence, timestampUs: frame.timestamp, atMs: Date.now() }),
    });
    return new WatchedBroadcast(url, broadcast, { viewer, frames });
  }

  /** The session is as it was opened, and the broadcast has not ended in it. */
  get intact(): boolean {
    return this.#viewer.closed === undefined && !this.#viewer.view("video").closed;
  }

  get sessionLost(): boolean {
    return this.#viewer.closed !== undefined;
  }

  /** Follows the broadcast again in the same session, after it has ended there. */
  resubscribe(): void {
    if (this.#viewer.view("video").closed) this.#viewer.subscribe("video");
  }

  async receives(count: number, timeoutMs = 30_000): Promise<void> {
    const before = this.frames.length;
    await waitFor(
      () =>
        `${count} pictures of ${this.broadcast} at ${this.url}; there were ${this.frames.length - before}`,
      () => this.frames.length - before >= count,
      timeoutMs,
    );
  }

  /** When the first picture came that was captured after `sinceMs`. */
  async resumedMs(sinceMs: number, timeoutMs = 30_000): Promise<number> {
    const frame = await waitFor(
      () => `a picture of ${this.broadcast} at ${this.url} from after the loss`,
      () => this.frames.find(({ timestampUs }) => timestampUs / 1_000 > sinceMs),
      timeoutMs,
    );
    return frame.atMs;
  }

  /** Longest time between two arrivals since then, up to now, and when it began. */
  longestPause(thenMs: number): { readonly ms: number; readonly sinceMs: number } {
    let last = thenMs;
    let longest = { ms: 0, sinceMs: thenMs };
    for (const { atMs } of this.frames) {
      if (atMs < thenMs) continue;
      if (atMs - last > longest.ms) longest = { ms: atMs - last, sinceMs: last };
      last = atMs;
    }
    return longest;
  }

  /** Pictures that came more than once. */
  get repeated(): number {
    return this.frames.length - new Set(this.frames.map(({ timestampUs }) => timestampUs)).size;
  }

  /** Times at which a group began again that had begun before. */
  get groupsRepeated(): number {
    const { sequences } = this.#viewer.view("video");
    return sequences.length - new Set(sequences).size;
  }

  /** Pictures that `reference` has got and this one has not, between this one's first and last. */
  missingOf(reference: WatchedBroadcast): number {
    const own = new Set(this.frames.map(({ timestampUs }) => timestampUs));
    const [first, last] = [Math.min(...own), Math.max(...own)];
    return reference.frames.filter(
      ({ timestampUs }) => timestampUs >= first && timestampUs <= last && !own.has(timestampUs),
    ).length;
  }

  close(): void {
    this.#viewer.close();
  }
}
