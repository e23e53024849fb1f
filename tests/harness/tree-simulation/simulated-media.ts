import type { Broadcast, Group, Track, TrackReading } from "@canopy/relay";
import type { SimulatedNetwork, SimulatedNode } from "./simulated-network.ts";

const INFO = { priority: 60, ordered: false, maxLatencyMs: 2_000, timescale: 1_000_000 };
const GROUP_MS = 2_000;
/** What is in a frame is of no interest. */
const PAYLOAD = new Uint8Array(16);

/** One broadcast and the origin that it enters at. */
interface Stream {
  readonly path: string;
  origin: SimulatedNode | undefined;
  track: Track | undefined;
  group: Group | undefined;
  groupEndsMs: number;
}

/** All viewers of one broadcast at one edge: they see the same frames. */
class EdgeReading {
  readonly edge: SimulatedNode;
  readonly onFrameSeen: () => void;
  reading: TrackReading | undefined;
  lastMs = 0;
  /** Longest time between two frames since the last `mark`. */
  worstMs = 0;

  constructor(edge: SimulatedNode, onFrameSeen: () => void) {
    this.edge = edge;
    this.onFrameSeen = onFrameSeen;
  }
}

/** Publishers that write frames, and readers at the edges that note when they come. */
export class SimulatedMedia {
  /** Time between two frames of each broadcast. */
  intervalMs: number;
  readonly streams: Stream[] = [];
  readonly #network: SimulatedNetwork;
  readonly #readings = new Map<string, EdgeReading>();
  readonly #onFrame: (edge: SimulatedNode, stream: number) => void;

  constructor(
    network: SimulatedNetwork,
    options: { readonly intervalMs: number },
    deps: { readonly onFrame: (edge: SimulatedNode, stream: number) => void },
  ) {
    this.#network = network;
    this.intervalMs = options.intervalMs;
    this.#onFrame = deps.onFrame;
    this.#tick();
  }

  add(path: string, origin: SimulatedNode): void {
    const stream: Stream = { path, origin: undefined, track: undefined, group: undefined, groupEndsMs: 0 };
    this.streams.push(stream);
    this.publish(stream, origin);
  }

  /** A publisher arrives at an origin, which lets him in and claims the path beside. */
  publish(stream: Stream, origin: SimulatedNode): void {
    stream.origin = origin;
    stream.track = origin.relay.store.publish(stream.path).createTrack("video", INFO);
    stream.group = undefined;
    void origin.plane.claim(stream.path, { nodeId: origin.id, takeOver: false });
  }

  /** Viewers of the broadcast are at the edge now. */
  follow(edge: SimulatedNode, index: number): void {
    const stream = this.streams[index];
    const key = `${edge.id}/${index}`;
    if (stream === undefined || this.#readings.has(key)) return;
    const reading = new EdgeReading(edge, () => this.#onFrame(edge, index));
    this.#readings.set(key, reading);
    // Also whenever the broadcast begins anew, at another origin.
    edge.relay.store.watch(stream.path, {
      onActive: (broadcast) => this.#subscribe(reading, broadcast),
      onEnded: () => {
        reading.reading?.close();
        reading.reading = undefined;
      },
    });
  }

  /** From now on gaps are measured. */
  mark(): void {
    for (const reading of this.#readings.values()) reading.worstMs = 0;
  }

  /** The longest time that any living edge had to wait for a frame since `mark`, ms. */
  worstGapMs(): number {
    const nowMs = this.#network.clock.nowMs();
    let worst = 0;
    for (const { edge, worstMs, lastMs } of this.#readings.values()) {
      if (edge.alive) worst = Math.max(worst, worstMs, nowMs - lastMs);
    }
    return worst;
  }

  /** Every living edge has got a frame of all that its viewers watch since then. */
  hasComeEverywhereSince(thenMs: number): boolean {
    for (const { edge, lastMs } of this.#readings.values()) if (edge.alive && lastMs < thenMs) return false;
    return true;
  }

  #subscribe(reading: EdgeReading, broadcast: Broadcast): void {
    reading.reading?.close();
    const { clock } = this.#network;
    reading.reading = broadcast.request("video")?.subscribe({
      onFrame: () => {
        const nowMs = clock.nowMs();
        if (reading.lastMs > 0) reading.worstMs = Math.max(reading.worstMs, nowMs - reading.lastMs);
        reading.lastMs = nowMs;
        reading.onFrameSeen();
      },
      onClosed: () => {
        reading.reading = undefined;
      },
    });
  }

  #tick(): void {
    this.#network.after(this.intervalMs, () => this.#tick());
    const { clock } = this.#network;
    const nowMs = clock.nowMs();
    for (const stream of this.streams) {
      const { track, origin } = stream;
      if (track === undefined || origin?.alive !== true) continue;
      if (nowMs >= stream.groupEndsMs || stream.group === undefined) {
        stream.group?.finish();
        stream.group = track.openGroup();
        stream.groupEndsMs = nowMs + GROUP_MS;
      }
      stream.group.append(clock.nowUs(), PAYLOAD);
    }
  }
}
