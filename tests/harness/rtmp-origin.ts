import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import {
  type BroadcastIngest,
  BroadcastRegistry,
  createRtmpIngest,
  DEFAULT_INGEST_OPTIONS,
  DEFAULT_RTMP_LIMITS,
  DEFAULT_RTMP_OPTIONS,
  type IngestOptions,
  OriginError,
  type RtmpLimits,
  type RtmpServer,
  type RtmpServerOptions,
} from "@canopy/origin";
import { Store } from "@canopy/relay";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { type RecordedFrame, recordTrack } from "./record-track.ts";

export interface RtmpOriginOptions {
  readonly ingest?: Partial<IngestOptions>;
  readonly server?: Partial<RtmpServerOptions>;
  readonly limits?: Partial<RtmpLimits>;
  /** Tokens that may publish; undefined = everybody may. */
  readonly tokens?: readonly string[];
}

/** The RTMP side of an origin on a free port, with a store of its own and nothing behind it. */
export class RtmpOrigin implements AsyncDisposable {
  readonly clock = createClock();
  readonly store: Store;
  readonly registry: BroadcastRegistry;
  readonly server: RtmpServer;
  /** How often each reason ended or refused a connection. */
  readonly rejected = new Map<string, number>();
  readonly started: string[] = [];
  readonly ended: string[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #owned: AsyncDisposable[] = [];
  #ids = 0;

  private constructor(options: RtmpOriginOptions) {
    const { clock } = this;
    const logger = createSilentLogger();
    this.store = new Store({}, { clock });
    this.registry = new BroadcastRegistry(
      { ...DEFAULT_INGEST_OPTIONS, ...options.ingest },
      {
        store: this.store,
        clock,
        logger,
        events: {
          onStarted: (ingest) => this.started.push(ingest.path),
          onEnded: (ingest, reason) => this.ended.push(`${ingest.path} ${reason}`),
        },
        createId: () => `message-${this.#ids++}`,
        countTimed: () => {},
      },
    );
    this.server = createRtmpIngest(
      {
        ...DEFAULT_RTMP_OPTIONS,
        port: 0,
        ...options.server,
        limits: { ...DEFAULT_RTMP_LIMITS, ...options.limits },
      },
      {
        registry: this.registry,
        clock,
        logger,
        authorize: async (_path, token) => {
          if (options.tokens === undefined || options.tokens.includes(token ?? "")) return;
          throw new OriginError("unauthorized", "A valid token is needed to publish here.");
        },
        counters: {
          sessionOpened: () => {},
          sessionRejected: (reason) => this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1),
          receivedBytes: () => {},
        },
      },
    );
    this.#timer = setInterval(() => this.store.tick(clock.nowMs()), 250);
  }

  static async start(options: RtmpOriginOptions = {}): Promise<RtmpOrigin> {
    const origin = new RtmpOrigin(options);
    await origin.server.start();
    return origin;
  }

  get url(): string {
    return `rtmp://127.0.0.1:${this.server.address.port}`;
  }

  ingest(path: string): BroadcastIngest {
    const ingest = this.registry.get(path);
    if (ingest === undefined) throw new Error(`${path} is not being published`);
    return ingest;
  }

  /** The newest catalog of a broadcast; undefined before the first. */
  catalog(path: string): Catalog | undefined {
    const frame = this.store.get(path)?.track("catalog.json")?.latest?.frames[0];
    return frame === undefined ? undefined : parseCatalog(frame.wire.subarray(frame.payloadOffset));
  }

  /** Starts to record a track; frames are added to the returned list as they come. */
  record(path: string, track: string): RecordedFrame[] {
    return recordTrack(this, path, track);
  }

  /** Something that is closed with the origin, before it. */
  own<T extends AsyncDisposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#owned.splice(0).reverse()) await resource[Symbol.asyncDispose]();
    await this.server.close();
    this.registry.close();
    this.store.close();
    clearInterval(this.#timer);
  }
}
