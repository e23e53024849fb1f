import {
  Connection,
  type DialedSession,
  JitterBuffer,
  MoqUpstream,
  type TrackKind,
  type UpstreamFactory,
} from "@canopy/player";
import { connectQuic, type QuicLoop } from "@canopy/transport/quic";

const SILENT = { debug: () => {}, warn: () => {} };
/**
 * Frames are taken from the buffer as if they were presented this long after they came: on a busy machine streams are
 * read late and in any order, and only what never comes is to count as missing.
 */
const LATENCY_US = 4_000_000;
/** A hundred players of one process on a busy machine take their time. */
const HANDSHAKE_TIMEOUT_MS = 30_000;

export interface HeadlessPlayerOptions {
  /** Edges as in the player's `src`, over plain HTTP: their development certificates are not checked. */
  readonly sources: readonly string[];
  readonly broadcast: string;
  /** Shared by all players of a process. */
  readonly loop: QuicLoop;
}

/**
 * The player without a screen, over real UDP: its own connection control, session and buffer. What a decoder would be
 * given is noted frame by frame.
 */
export class HeadlessPlayer {
  /** Media times of the frames for the decoder, in order, µs. */
  readonly taken: Readonly<Record<TrackKind, number[]>> = { video: [], audio: [] };
  /** Ids of the timed messages, in order. */
  readonly timed = new Set<string>();
  readonly lost: string[] = [];
  readonly connection: Connection;
  readonly #buffers: Readonly<Record<TrackKind, JitterBuffer>> = {
    video: new JitterBuffer(),
    audio: new JitterBuffer(),
  };

  constructor(options: HeadlessPlayerOptions) {
    const buffers = this.#buffers;
    this.connection = new Connection(
      {
        sources: options.sources,
        factories: [quicUpstream(options.loop)],
        request: {
          broadcast: options.broadcast,
          token: undefined,
          latencyMs: LATENCY_US / 1_000,
          isSync: false,
          mediaElement: undefined,
          canPaint: false,
        },
      },
      {
        clock: { nowUs: () => (performance.timeOrigin + performance.now()) * 1_000 },
        // Nobody looks at latencies here.
        fetch: () => Promise.reject(new TypeError("no clock is asked for")),
        random: Math.random,
        memory: { recall: () => undefined, remember: () => {} },
        sink: {
          onCatalog: () => this.connection.select({ video: "video", audio: "audio" }),
          onGroupOpen: (kind, _track, sequence) => buffers[kind].openGroup(sequence),
          onFrame: (kind, _track, sequence, frame) => {
            buffers[kind].push(sequence, frame);
            this.#take(kind);
            this.connection.onMedia();
          },
          onGroupEnd: (kind, _track, sequence, aborted) => {
            if (aborted) buffers[kind].abortGroup(sequence);
            else buffers[kind].endGroup(sequence);
            this.#take(kind);
          },
          onDecodedFrame: (frame) => frame.close(),
          onElementSound: () => {},
          onElementFrame: () => {},
          onElementTime: () => {},
          onElementReset: () => {},
          onElementSoundBlocked: () => {},
          onTimed: ({ id }) => this.timed.add(id),
          onAnnounced: () => {},
          onEnded: () => {},
        },
        onTransport: () => {},
        onClockOffset: () => {},
        targetLatencyMs: () => LATENCY_US / 1_000,
        onLost: ({ message }) => this.lost.push(message),
        onFailed: ({ message }) => this.lost.push(message),
      },
    );
  }

  /** Jumps over groups that were missing or came too late. */
  get gaps(): number {
    return this.#buffers.video.stats.gaps + this.#buffers.audio.stats.gaps;
  }

  close(): void {
    this.connection.close();
  }

  #take(kind: TrackKind): void {
    const buffer = this.#buffers[kind];
    const mediaUs = buffer.newestUs - LATENCY_US;
    for (let frame = buffer.peek(mediaUs); frame !== undefined; frame = buffer.peek(mediaUs)) {
      this.taken[kind].push(frame.timestampUs);
      buffer.take();
    }
  }
}

/** Frames that are missing between the first and the last one, and those that came twice or out of order. */
export function countFaults(
  times: readonly number[],
  stepUs: number,
): { readonly missing: number; readonly repeated: number } {
  let missing = 0;
  let repeated = 0;
  for (let index = 1; index < times.length; index += 1) {
    const steps = Math.round(((times[index] ?? 0) - (times[index - 1] ?? 0)) / stepUs);
    if (steps < 1) repeated += 1;
    else missing += steps - 1;
  }
  return { missing, repeated };
}

function quicUpstream(loop: QuicLoop): UpstreamFactory {
  return {
    transport: "webtransport",
    unsupportedReason: () => undefined,
    open: (request, sink, deps) =>
      new MoqUpstream({ transport: "webtransport", dial: ({ src }) => dial(src, loop) }, request, sink, deps),
  };
}

async function dial(src: string, loop: QuicLoop): Promise<DialedSession> {
  const { hostname, port } = new URL(src);
  const startedAt = performance.now();
  const session = await connectQuic(
    {
      host: hostname,
      port: Number(port),
      alpn: ["moq-lite-05"],
      verify: { insecure: true },
      transport: { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS },
      webtransportPath: "/",
    },
    { logger: SILENT, loop },
  );
  return { session, timeBaseUrl: src, handshakeMs: performance.now() - startedAt };
}
