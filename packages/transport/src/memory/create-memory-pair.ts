import type { Session } from "../session.ts";
import { MemoryClock } from "./memory-clock.ts";
import { MemoryLink } from "./memory-link.ts";
import { MemorySession } from "./memory-session.ts";

export interface MemoryPairOptions {
  /** Shared by all pairs of one test; a new one is made if it is left out. */
  readonly clock?: MemoryClock;
  /** ALPN token or subprotocol that both ends report; default `moq-lite-05`. */
  readonly protocol?: string;
  /** Path and query that both ends report; default "". */
  readonly path?: string;
  /** One-way delay in milliseconds; default 0. */
  readonly delayMs?: number;
  /** Rate of each direction in bits per second; default unlimited. */
  readonly bandwidthBps?: number;
  /** Concurrent streams that each side allows the other to open; default 1,024 of each kind. */
  readonly maxUniStreams?: number;
  readonly maxBidiStreams?: number;
  /** Bytes in flight or undelivered per stream; default 256 KiB. */
  readonly streamWindowBytes?: number;
  /** Bytes in flight or undelivered over all streams; default 4 MiB. */
  readonly sessionWindowBytes?: number;
  /** `write` returns false above this; default 256 KiB. */
  readonly highWaterBytes?: number;
  /** `onDrain` comes at or below this; default a quarter of the high-water mark. */
  readonly lowWaterBytes?: number;
  /** The session closes when more is buffered; default 16 MiB. */
  readonly maxSessionBufferBytes?: number;
  /** 0 = no datagrams; default 1,200. */
  readonly maxDatagramBytes?: number;
  /** Stream data is delivered in pieces of at most this size; default 1,200, as packets would. */
  readonly maxChunkBytes?: number;
  /** How long a cut connection lives; default 30,000. */
  readonly idleTimeoutMs?: number;
}

export interface MemoryPairControls {
  readonly client: Session;
  readonly server: Session;
  readonly clock: MemoryClock;
  /** From now on nothing arrives on either side; both close after the idle timeout. */
  cut(): void;
  /** Changes delay and rate of both directions. */
  setLink(options: { readonly delayMs?: number; readonly bandwidthBps?: number | undefined }): void;
}

/** Usable as `{client, server, clock}` and as `[client, server]`. */
export type MemoryPair = readonly [Session, Session] & MemoryPairControls;

/** Ids of the memory sessions of this process. They start far above those of real transports. */
let nextSessionId = 1_000_000_000;

/** Two ends of one connection, joined in memory. Nothing happens until `clock` runs. */
export function createMemoryPair(options: MemoryPairOptions = {}): MemoryPair {
  const clock = options.clock ?? new MemoryClock();
  const linkOptions = { delayMs: options.delayMs ?? 0, bandwidthBps: options.bandwidthBps };
  const up = new MemoryLink(linkOptions, { clock });
  const down = new MemoryLink(linkOptions, { clock });
  const highWaterBytes = options.highWaterBytes ?? 256 * 1024;
  const shared = {
    protocol: options.protocol ?? "moq-lite-05",
    path: options.path ?? "",
    maxDatagramBytes: options.maxDatagramBytes ?? 1200,
    maxUniStreams: options.maxUniStreams ?? 1024,
    maxBidiStreams: options.maxBidiStreams ?? 1024,
    streamWindowBytes: options.streamWindowBytes ?? 256 * 1024,
    sessionWindowBytes: options.sessionWindowBytes ?? 4 * 1024 * 1024,
    highWaterBytes,
    lowWaterBytes: options.lowWaterBytes ?? highWaterBytes >> 2,
    maxSessionBufferBytes: options.maxSessionBufferBytes ?? 16 * 1024 * 1024,
    maxChunkBytes: options.maxChunkBytes ?? 1200,
  };
  const id = nextSessionId;
  nextSessionId += 2;
  const client = new MemorySession(
    { ...shared, id, side: "client", remoteAddress: "127.0.0.1:2" },
    { clock, outgoing: up, incoming: down },
  );
  const server = new MemorySession(
    { ...shared, id: id + 1, side: "server", remoteAddress: "127.0.0.1:1" },
    { clock, outgoing: down, incoming: up },
  );
  const controls: MemoryPairControls = {
    client,
    server,
    clock,
    cut: () => {
      up.up = false;
      down.up = false;
      clock.schedule(options.idleTimeoutMs ?? 30_000, () => {
        client.closeWith(undefined, "idle");
        server.closeWith(undefined, "idle");
      });
    },
    setLink: (change) => {
      const next = {
        delayMs: change.delayMs ?? up.delayMs,
        bandwidthBps: "bandwidthBps" in change ? change.bandwidthBps : up.bandwidthBps,
      };
      up.configure(next);
      down.configure(next);
    },
  };
  return Object.assign([client, server] as const, controls);
}
