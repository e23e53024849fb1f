import {
  type CreateMoqConnection,
  RelayNode,
  type RelayNodeOptions,
  type Store,
  type Topology,
} from "@canopy/relay";
import type { Admission, ApiDescription, GatedSession, SessionGate } from "@canopy/relay/node";
import { type AnnouncedIceServer, WebRtcRoutes } from "@canopy/relay/webrtc";
import {
  type Clock,
  type ControlPlane,
  type HttpServer,
  type Logger,
  type Metrics,
  mayPut,
  type Readiness,
  type SessionScope,
} from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import { monotonicFactory } from "ulid";
import { registerOriginRoutes } from "./api/origin-routes.ts";
import { registerRecordingFileRoutes } from "./api/recording-file-routes.ts";
import { registerRecordingRoutes } from "./api/recording-routes.ts";
import { registerRestreamRoutes } from "./api/restream-routes.ts";
import { SessionEvents } from "./api/session-events.ts";
import { DEFAULT_WEBHOOK_OPTIONS, type WebhookOptions, WebhookSender } from "./api/webhook-sender.ts";
import { startWorker } from "./audio/start-worker.ts";
import {
  DEFAULT_TRANSCODER_THREAD,
  TranscoderThread,
  type TranscoderThreadOptions,
} from "./audio/transcoder-thread.ts";
import { DEFAULT_RECORDING_OPTIONS, type RecordingOptions } from "./downstream/record/recording-options.ts";
import { Recordings } from "./downstream/record/recordings.ts";
import { S3Storage } from "./downstream/record/s3-storage.ts";
import { startMp4Worker } from "./downstream/record/start-mp4-worker.ts";
import { DEFAULT_RESTREAM_OPTIONS, type RestreamOptions } from "./downstream/restream/restream-options.ts";
import { Restreams } from "./downstream/restream/restreams.ts";
import { BroadcastRegistry } from "./ingest/broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS, type IngestOptions } from "./ingest/ingest-options.ts";
import { PathClaims } from "./ingest/path-claims.ts";
import { OriginError } from "./origin-error.ts";
import {
  createOriginCounters,
  readBridgeCounters,
  readRecordCounters,
  readRestreamCounters,
} from "./origin-metrics.ts";
import { MoqPublishers } from "./upstream/moq/moq-publishers.ts";
import { createRtmpIngest } from "./upstream/rtmp/rtmp-ingest.ts";
import { DEFAULT_RTMP_OPTIONS } from "./upstream/rtmp/rtmp-options.ts";
import type { RtmpPublisher, RtmpServer, RtmpServerOptions } from "./upstream/rtmp/rtmp-server.ts";
import type { WhipCounters } from "./upstream/whip/whip-counters.ts";
import { WhipIngest } from "./upstream/whip/whip-ingest.ts";
import { DEFAULT_WHIP_OPTIONS, type WhipOptions } from "./upstream/whip/whip-options.ts";

export interface OriginNodeOptions {
  readonly name: string;
  /** Shown in the API description. */
  readonly version: string;
  /** Undefined: no RTMP. */
  readonly rtmp: Partial<RtmpServerOptions> | undefined;
  readonly whip?: Partial<WhipOptions>;
  /** STUN and TURN servers that WHIP clients are told of. */
  readonly iceServers?: readonly AnnouncedIceServer[];
  /** WebRTC connections of one address whose handshakes are not done; default: any number. */
  readonly maxHalfOpenPerAddress?: number | undefined;
  readonly ingest?: Partial<IngestOptions>;
  readonly webhooks?: Partial<WebhookOptions>;
  /** The thread that transcodes sound; what it is asked to make is said in `ingest.audioBridge`. */
  readonly transcoders?: Partial<TranscoderThreadOptions>;
  readonly restreams?: Partial<RestreamOptions>;
  /** Undefined: nothing is recorded, and no file is served. */
  readonly recordings?: Partial<RecordingOptions>;
  readonly relay?: Omit<RelayNodeOptions, "name" | "acceptPublishers">;
}

export interface OriginNodeDeps {
  /** Default: the protocol's own sessions. */
  readonly createMoq?: CreateMoqConnection;
  /** Undefined: no WHIP. Belongs to the caller, who closes it after the node. */
  readonly webrtc?: WebRtcEngine | undefined;
  /** Undefined: this is the only origin. Belongs to the caller, who closes it after the node. */
  readonly controlPlane?: ControlPlane | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

const TICK_MS = 1_000;

/**
 * Where broadcasts enter: a relay node whose store is filled by RTMP, WHIP and MoQ publishers, with the HTTP API.
 * Order of use: `registerRoutes` while the HTTP server is built (it brings the admission that publishers are checked
 * with), `start`, `acceptSession` for every session, `close`.
 */
export class OriginNode implements AsyncDisposable {
  readonly relay: RelayNode;
  readonly registry: BroadcastRegistry;
  /** Undefined if RTMP is off. */
  readonly rtmp: RtmpServer | undefined;
  /** Undefined if there is no WebRTC engine. */
  readonly whip: WhipIngest | undefined;
  readonly webhooks: WebhookSender;
  /** Started when somebody first follows a bridged track. */
  readonly transcoders: TranscoderThread;
  readonly restreams: Restreams;
  readonly recordings: Recordings | undefined;
  readonly #options: OriginNodeOptions;
  readonly #deps: OriginNodeDeps;
  readonly #moq: MoqPublishers;
  readonly #claims: PathClaims | undefined;
  readonly #sessionEvents: SessionEvents;
  readonly #withdraw: (() => void)[] = [];
  #admission: Admission | undefined;
  #gate: SessionGate | undefined;
  #whipRoutes: WebRtcRoutes | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: OriginNodeOptions, deps: OriginNodeDeps) {
    this.#options = options;
    this.#deps = deps;
    const { clock, logger, metrics } = deps;
    // Ids rise within a millisecond, too: they put messages of one media time in order.
    const nextUlid = monotonicFactory();
    const createId = (nowMs: number): string => nextUlid(Math.floor(nowMs));
    const counters = createOriginCounters(metrics);
    this.webhooks = new WebhookSender(
      { ...DEFAULT_WEBHOOK_OPTIONS, ...options.webhooks },
      { clock, logger: logger.child("webhooks"), createId },
    );
    this.#sessionEvents = new SessionEvents(this.webhooks);
    this.relay = new RelayNode(
      { tier: 0, ...options.relay, name: options.name, acceptPublishers: true },
      {
        ...(deps.createMoq === undefined ? {} : { createMoq: deps.createMoq }),
        logger,
        metrics,
        clock,
        onPublisherSession: (publisher) => this.#moq.open(publisher),
      },
    );
    this.transcoders = new TranscoderThread(
      { ...DEFAULT_TRANSCODER_THREAD, ...options.transcoders },
      { clock, logger: logger.child("audio"), startWorker },
    );
    this.#withdraw.push(...readBridgeCounters(metrics, this.transcoders.counters));
    this.registry = new BroadcastRegistry(
      { ...DEFAULT_INGEST_OPTIONS, ...options.ingest },
      {
        store: this.relay.store,
        clock,
        logger: logger.child("ingest"),
        createId,
        countTimed: counters.countTimed,
        transcoders: this.transcoders,
        events: {
          onStarted: (ingest) => {
            this.#claims?.onStarted(ingest);
            this.webhooks.send("broadcast.started", {
              broadcast: ingest.path,
              protocol: ingest.publisher.protocol,
            });
          },
          onPublisher: (ingest, connected) => this.#claims?.onPublisher(ingest, connected),
          onEnded: (ingest, reason) => {
            this.#claims?.onEnded(ingest);
            this.webhooks.send("broadcast.ended", {
              broadcast: ingest.path,
              protocol: ingest.publisher.protocol,
              reason,
            });
          },
        },
      },
    );
    this.#claims = deps.controlPlane && this.#createClaims(deps.controlPlane);
    this.#moq = new MoqPublishers({ registry: this.registry, clock, logger: logger.child("moq") });
    this.restreams = new Restreams(
      { ...DEFAULT_RESTREAM_OPTIONS, ...options.restreams },
      {
        store: this.relay.store,
        clock,
        logger: logger.child("restream"),
        createId,
        onFailed: ({ id, broadcast, target }, { code, message }) =>
          this.webhooks.send("restream.failed", { restream: id, broadcast, target, code, message }),
      },
    );
    this.#withdraw.push(...readRestreamCounters(metrics, this.restreams));
    this.recordings = this.#createRecordings(createId);
    this.whip = deps.webrtc && this.#createWhip(counters.whip);
    if (options.rtmp === undefined) return;
    this.rtmp = createRtmpIngest(
      { ...DEFAULT_RTMP_OPTIONS, ...options.rtmp },
      {
        registry: this.registry,
        authorize: (path, token, connection) => this.#authorizePublish(path, token, connection),
        clock,
        logger: logger.child("rtmp"),
        counters: counters.rtmp,
        onPublisher: ({ remoteAddress }, path) =>
          this.#sessionEvents.opened({ transport: "rtmp", remoteAddress, path }),
      },
    );
  }

  get store(): Store {
    return this.relay.store;
  }

  /** Head of the description of the node's HTTP API. */
  get api(): ApiDescription {
    const description = "Broadcasts, timed messages, restreams and recordings; publishing by WHIP.";
    return { title: "Canopy origin", version: this.#options.version, description };
  }

  /** Adds the API to the node's HTTP server, before it listens. */
  async registerRoutes(app: HttpServer["app"], admission: Admission, gate: SessionGate): Promise<void> {
    const { iceServers = [], maxHalfOpenPerAddress } = this.#options;
    const { webrtc, metrics } = this.#deps;
    const { whip } = this;
    this.#admission = admission;
    this.#gate = gate;
    registerOriginRoutes(app, { registry: this.registry, admission });
    if (this.recordings !== undefined) {
      registerRecordingRoutes(app, { recordings: this.recordings, admission });
      await registerRecordingFileRoutes(app, { recordings: this.recordings, admission });
    }
    registerRestreamRoutes(app, { restreams: this.restreams, admission });
    if (webrtc === undefined || whip === undefined) return;
    // A server that did not get its ports is built anew.
    this.#whipRoutes?.close();
    this.#whipRoutes = await WebRtcRoutes.register(
      app,
      { role: "whip", iceServers, maxHalfOpenPerAddress },
      {
        engine: webrtc,
        admission,
        gate,
        metrics,
        preparePeer: (request) => whip.prepare(request),
      },
    );
  }

  /** Starts the relay node and listens for RTMP; rejects if the port is taken. */
  async start(): Promise<void> {
    this.relay.start();
    this.#timer = setInterval(() => this.#sessionEvents.tick(), TICK_MS);
    this.#timer.unref();
    // Before publishers come back, so that what an earlier process was recording goes on with them.
    await this.recordings?.start();
    await this.rtmp?.start();
  }

  /** Serves a MoQ session: a child node, a viewer or a publisher, as its scope allows. */
  acceptSession(session: Session, authorize: (path: string) => Promise<SessionScope | undefined>): void {
    this.relay.acceptSession(session, async (path) => {
      const scope = await authorize(path);
      if (scope !== undefined) {
        const { kind, remoteAddress } = session;
        this.#sessionEvents.watch({ transport: kind, remoteAddress, path: scope.root }, () => session.closed);
      }
      return scope;
    });
  }

  announced(): Iterable<string> {
    return this.relay.announced();
  }

  topology(sees: (path: string) => boolean): Topology {
    return this.relay.topology(sees);
  }

  readiness(): Readiness {
    return this.relay.readiness();
  }

  sendAway(limit: number, nextUri: () => string): number {
    return this.relay.sendAway(limit, nextUri);
  }

  /** Tells publishers and viewers, ends all broadcasts and frees the ports. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.rtmp?.close();
    this.whip?.close();
    this.#whipRoutes?.close();
    this.restreams.close();
    await this.recordings?.close();
    this.#moq.close();
    this.registry.close();
    await this.transcoders.close();
    await this.relay.close();
    this.webhooks.close();
    for (const withdraw of this.#withdraw.splice(0)) withdraw();
  }

  #createRecordings(createId: (nowMs: number) => string): Recordings | undefined {
    if (this.#options.recordings === undefined) return undefined;
    const { clock, logger, metrics } = this.#deps;
    const options = { ...DEFAULT_RECORDING_OPTIONS, ...this.#options.recordings };
    const recordings = new Recordings(options, {
      store: this.relay.store,
      clock,
      logger: logger.child("record"),
      createId,
      buildMp4: startMp4Worker,
      storage: options.s3 && new S3Storage(options.s3),
      onReady: ({ id, state: _, ...recording }) =>
        this.webhooks.send("recording.ready", { recording: id, ...recording }),
    });
    this.#withdraw.push(...readRecordCounters(metrics, recordings));
    return recordings;
  }

  #createClaims(controlPlane: ControlPlane): PathClaims {
    const { publisherConflict } = { ...DEFAULT_INGEST_OPTIONS, ...this.#options.ingest };
    return new PathClaims(
      { nodeId: this.relay.originId, takeOver: publisherConflict === "takeover" },
      {
        controlPlane,
        logger: this.#deps.logger.child("claims"),
        yieldPath: (ingest, error) => this.registry.yieldPath(ingest, error),
      },
    );
  }

  #createWhip(totals: WhipCounters): WhipIngest {
    const { clock, logger } = this.#deps;
    return new WhipIngest(
      { ...DEFAULT_WHIP_OPTIONS, ...this.#options.whip },
      {
        registry: this.registry,
        clock,
        logger: logger.child("whip"),
        totals,
        onPublisher: ({ remoteAddress }, path) =>
          this.#sessionEvents.opened({ transport: "whip", remoteAddress, path }),
      },
    );
  }

  async #authorizePublish(path: string, token: string | undefined, connection: RtmpPublisher): Promise<void> {
    const [admission, gate] = [this.#admission, this.#gate];
    if (admission === undefined || gate === undefined)
      throw new OriginError("unauthorized", "The server does not take publishers yet.");
    const answer = await admission.authorize("/", token);
    if (!answer.admitted) throw new OriginError("unauthorized", `Publishing was refused: ${answer.message}.`);
    if (!mayPut(answer.scope, path)) {
      throw new OriginError("forbidden", `The token does not allow to publish ${path}.`);
    }
    const address = remoteAddressOf(connection);
    const full = gate.checkHandshake(address);
    if (full !== undefined)
      throw new OriginError("no-room", `Publishing is not possible now: ${full.message}.`);
    gate.admitChecked(gatedConnection(connection), address, answer);
  }
}

/** `ip:port`, as the gate takes it. */
function remoteAddressOf({ remoteAddress }: RtmpPublisher): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:0` : `${remoteAddress}:0`;
}

/** What the gate ends when the token expires or its key is withdrawn. */
function gatedConnection(connection: RtmpPublisher): GatedSession {
  return {
    kind: "rtmp",
    get closed() {
      return connection.closed;
    },
    close: (_code, reason) => connection.kick(new OriginError("token-expired", sentence(reason))),
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
