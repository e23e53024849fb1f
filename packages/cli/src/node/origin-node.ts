import {
  BroadcastRegistry,
  createRtmpIngest,
  DEFAULT_INGEST_OPTIONS,
  DEFAULT_RTMP_OPTIONS,
  OriginError,
} from "@canopy/origin";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode } from "@canopy/relay";
import {
  type Admission,
  type CertificateFiles,
  createQuicListener,
  developmentHosts,
  NodeServer,
} from "@canopy/relay/node";
import {
  type Clock,
  Lifetime,
  type Logger,
  listenError,
  type Metrics,
  mayPut,
  type TokenVerifier,
} from "@canopy/runtime";
import { createDevelopmentCertificate, QuicLoop } from "@canopy/transport/quic";
import { ulid } from "ulid";
import { countRtmpSessions } from "./count-rtmp-sessions.ts";

export interface OriginNodeOptions {
  readonly name: string;
  readonly host: string;
  /** TCP and UDP. */
  readonly port: number;
  readonly rtmpPort: number;
  readonly rtmpMaxConnections: number;
  readonly tls: CertificateFiles | undefined;
  readonly allowAnonymous: boolean;
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
}

export interface OriginNodeDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly verifier: TokenVerifier | undefined;
}

/** An origin: publishers in by RTMP and MoQ, one store, children and viewers out. */
export class OriginNode implements AsyncDisposable {
  readonly relay: RelayNode;
  readonly registry: BroadcastRegistry;
  readonly server: NodeServer;
  readonly #lifetime: Lifetime;

  private constructor(parts: OriginParts, lifetime: Lifetime) {
    this.relay = parts.relay;
    this.registry = parts.registry;
    this.server = parts.server;
    this.#lifetime = lifetime;
  }

  /** Opens all ports. Rejects with code `listen-failed` and leaves nothing open. */
  static async open(options: OriginNodeOptions, deps: OriginNodeDeps): Promise<OriginNode> {
    const lifetime = new Lifetime({ logger: deps.logger });
    try {
      return new OriginNode(await openParts(options, deps, lifetime), lifetime);
    } catch (error) {
      await lifetime.close();
      throw error;
    }
  }

  /** Closes sessions, broadcasts and ports. Idempotent. */
  async close(): Promise<void> {
    await this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface OriginParts {
  readonly relay: RelayNode;
  readonly registry: BroadcastRegistry;
  readonly server: NodeServer;
}

async function openParts(
  options: OriginNodeOptions,
  deps: OriginNodeDeps,
  lifetime: Lifetime,
): Promise<OriginParts> {
  const { logger, metrics, clock, verifier } = deps;
  const { relay, registry } = createStages(options, deps, lifetime);
  const quic = { logger: logger.child("quic"), loop: new QuicLoop() };
  const server = await NodeServer.open(
    { ...options, protocols: MOQ_PROTOCOLS, portOption: "port" },
    {
      node: relay,
      logger,
      metrics,
      clock,
      verifier,
      listenSessions: createQuicListener({ ...options, protocols: MOQ_PROTOCOLS }, quic),
      createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(options.host)),
    },
  );
  lifetime.own("server", server);
  await openRtmp(options, { ...deps, registry, admission: server.admission }, lifetime);
  relay.start();
  logger.info({ host: server.host, port: server.port, rtmpPort: options.rtmpPort }, "the origin listens");
  return { relay, registry, server };
}

function createStages(
  options: OriginNodeOptions,
  deps: OriginNodeDeps,
  lifetime: Lifetime,
): Pick<OriginParts, "relay" | "registry"> {
  const { logger, metrics, clock } = deps;
  const relay = lifetime.own(
    "relay",
    new RelayNode({ name: options.name, tier: 0, acceptPublishers: true }, { logger, metrics, clock }),
  );
  const registry = lifetime.own(
    "broadcasts",
    new BroadcastRegistry(DEFAULT_INGEST_OPTIONS, {
      store: relay.store,
      clock,
      logger: logger.child("broadcasts"),
      events: { onStarted: () => {}, onEnded: () => {} },
      createId: (nowMs) => ulid(nowMs),
      countTimed: metrics.counter("canopy_timed_messages_total"),
    }),
  );
  return { relay, registry };
}

async function openRtmp(
  options: OriginNodeOptions,
  deps: OriginNodeDeps & { readonly registry: BroadcastRegistry; readonly admission: Admission },
  lifetime: Lifetime,
): Promise<void> {
  const { registry, clock, admission } = deps;
  const { counters, close } = countRtmpSessions(deps.metrics);
  lifetime.add("rtmp metrics", close);
  const rtmpOptions = {
    ...DEFAULT_RTMP_OPTIONS,
    host: options.host,
    port: options.rtmpPort,
    maxConnections: options.rtmpMaxConnections,
  };
  const rtmp = createRtmpIngest(rtmpOptions, {
    registry,
    clock,
    counters,
    logger: deps.logger.child("rtmp"),
    authorize: (path, token) => authorizePublish(admission, path, token),
  });
  lifetime.own("rtmp", rtmp);
  try {
    await rtmp.start();
  } catch (error) {
    throw listenError(error, { host: options.host, port: options.rtmpPort, portOption: "rtmp-port" });
  }
}

async function authorizePublish(
  admission: Admission,
  path: string,
  token: string | undefined,
): Promise<void> {
  const answer = await admission.authorize("/", token);
  if (!answer.admitted) throw new OriginError("unauthorized", answer.message);
  if (!mayPut(answer.scope, path)) {
    throw new OriginError("unauthorized", "the token does not allow publishing this broadcast");
  }
}
