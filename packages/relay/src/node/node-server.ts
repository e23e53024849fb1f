import {
  type Clock,
  type ControlPlane,
  createHttpServer,
  EventLoopMonitor,
  type HttpServer,
  Lifetime,
  type Logger,
  listenError,
  METRICS,
  type Metrics,
  type NodeLoad,
  type Readiness,
  type TokenVerifier,
  type TrustedProxies,
} from "@canopy/runtime";
import type { Session, SessionServer, SessionServerHandler } from "@canopy/transport";
import type { Topology } from "../tree/describe-topology.ts";
import type { EdgeLocator } from "../tree/edge-locator.ts";
import { EDGE_TIER } from "../tree/locate-edges.ts";
import { type Admission, createAdmission } from "./admission.ts";
import { authorizeOperator } from "./authorize-operator.ts";
import { type ApiDescription, describeApi } from "./describe-api.ts";
import {
  describeForOthers,
  describeNetwork,
  type FeedingNode,
  type NodeDescription,
  type NodeIdentity,
} from "./describe-network.ts";
import type { DrainedNode, NodeDrain } from "./drain-node.ts";
import { registerDrainRoutes } from "./drain-routes.ts";
import { registerLocateRoute } from "./locate-route.ts";
import { type CertificateFiles, NodeCertificate, type TlsCertificate } from "./node-certificate.ts";
import { registerNodeRoutes } from "./node-routes.ts";
import { SendRate } from "./send-rate.ts";
import { type AuthorizeSession, SessionGate } from "./session-gate.ts";

/** How often a free pair of TCP and UDP ports of one number is looked for when port 0 is asked for. */
const PORT_PAIR_ATTEMPTS = 10;

/**
 * On every answer of a node that drains: where its viewers should go on, `*` = anywhere else. For those who have no
 * session on which they could be told.
 */
export const GOAWAY_HEADER = "canopy-goaway";

/** TCP connections beside those that carry sessions: requests, and what is refused. */
const SPARE_CONNECTIONS = 10_000;

/** Who gets in, and how much one address may have. */
export interface NodeAccessOptions {
  /** Sessions and requests without a token are let in. */
  readonly allowAnonymous: boolean;
  /** See `SessionGateOptions`. */
  readonly handshakesPerSecondPerAddress?: number | undefined;
  /** See `HttpServerOptions`; pages of other web origins may not open sessions either. */
  readonly corsOrigins?: readonly string[] | undefined;
  readonly requestsPerSecondPerAddress?: number | undefined;
  readonly maxConnectionsPerAddress?: number | undefined;
  readonly trustedProxies?: TrustedProxies | undefined;
  /** `/metrics` is for operators; else for everybody, since it names nobody and nothing. */
  readonly privateMetrics?: boolean | undefined;
}

export interface NodeServerOptions extends NodeAccessOptions {
  readonly host: string;
  /** TCP and UDP; 0 = any that is free for both. */
  readonly port: number;
  /** Name of the option that sets the port, for messages. */
  readonly portOption: string;
  /** With files, TCP speaks HTTPS and HTTP/2; without, plain HTTP, and QUIC has a development certificate. */
  readonly tls: CertificateFiles | undefined;
  /** Subprotocols and ALPN tokens, best first. */
  readonly protocols: readonly string[];
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** With it the node describes its HTTP API at `/v1/openapi.json`. */
  readonly api?: ApiDescription | undefined;
  /** How the node describes itself to operators; by default its tier says what it is, and it knows no address. */
  readonly identity?: Partial<NodeIdentity> | undefined;
}

/** A session server whose certificate can be exchanged while it runs. */
export interface RenewableSessionServer extends SessionServer {
  setCertificate?(tls: { readonly certPem: string; readonly keyPem: string }): void;
  /** Coalescing interval in force; undefined where nothing is coalesced. */
  readonly flushIntervalMs?: number;
  /** UDP packets that no connection was given, by reason, since the start. */
  readonly droppedPackets?: Readonly<Record<string, number>>;
  drain?(): void;
}

/** What stands behind the server: the relay node, or whatever a hop builds around it. */
export interface ServedNode {
  /** Must set the session's handler before it returns, and call `authorize` once the path is known. */
  acceptSession(session: Session, authorize: AuthorizeSession): void;
  /** Paths of the active broadcasts. */
  announced(): Iterable<string>;
  /** As far as the one who asks sees broadcasts. */
  topology(sees: (path: string) => boolean): Topology;
  readiness(): Readiness;
  /** Asks up to `limit` sessions that have not been asked yet to go on elsewhere. */
  sendAway(limit: number, nextUri: () => string): number;
}

export interface NodeServerDeps {
  readonly node: ServedNode;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Undefined on an open node. */
  readonly verifier: TokenVerifier | undefined;
  readonly listenSessions: (
    options: {
      readonly host: string;
      readonly port: number;
      readonly tls: TlsCertificate;
      /** Listens on the TCP port of the same number; its upgrades are sessions, too. */
      readonly httpServer: Pick<HttpServer["server"], "on" | "off">;
    },
    handler: SessionServerHandler,
  ) => Promise<RenewableSessionServer>;
  readonly createDevelopmentCertificate: () => Promise<TlsCertificate>;
  /** Undefined: the node cannot be drained over HTTP. */
  readonly drain?: NodeDrain | undefined;
  /** What the control plane tells of the deployment; undefined without one. */
  readonly controlPlane?: Pick<ControlPlane, "view"> | undefined;
  /** Names edges to viewers; undefined on a node that follows no registry. */
  readonly locator?: Pick<EdgeLocator, "locate"> | undefined;
  /** Adds the hop's own routes before the server listens. */
  readonly registerRoutes?: (
    app: HttpServer["app"],
    admission: Admission,
    gate: SessionGate,
  ) => void | Promise<void>;
}

/** One port number of a node: sessions on UDP, HTTP on TCP, one admission for both. */
export class NodeServer implements AsyncDisposable, DrainedNode {
  readonly #lifetime: Lifetime;
  readonly host: string;
  readonly port: number;
  readonly admission: Admission;
  readonly gate: SessionGate;
  readonly http: HttpServer;
  readonly certificate: NodeCertificate;
  readonly eventLoop: EventLoopMonitor;

  readonly #sessions: RenewableSessionServer;
  readonly #node: ServedNode;
  readonly #departure: Departure;
  readonly #describe: () => NodeDescription;

  private constructor(lifetime: Lifetime, parts: OpenParts, host: string, node: ServedNode) {
    this.#lifetime = lifetime;
    this.#sessions = parts.sessions;
    this.#node = node;
    this.#departure = parts.departure;
    this.#describe = parts.describe;
    this.host = host;
    this.port = parts.sessions.address.port;
    this.admission = parts.admission;
    this.gate = parts.gate;
    this.http = parts.http;
    this.certificate = parts.certificate;
    this.eventLoop = parts.eventLoop;
  }

  /** Opens both ports. Rejects with code `listen-failed` and leaves nothing open. */
  static async open(options: NodeServerOptions, deps: NodeServerDeps): Promise<NodeServer> {
    for (let attempt = 1; ; attempt += 1) {
      const lifetime = new Lifetime({ logger: deps.logger });
      try {
        const parts = await openParts(options, deps, lifetime);
        return new NodeServer(lifetime, parts, options.host, deps.node);
      } catch (error) {
        await lifetime.close();
        // The free TCP port that the system chose may be somebody's UDP port.
        if (options.port !== 0 || attempt >= PORT_PAIR_ATTEMPTS) throw error;
      }
    }
  }

  /** Sessions that are open now, whatever carries them. */
  get sessionCount(): number {
    return this.gate.size;
  }

  /** The node as operators see it, and as it is told to other nodes. */
  describe(): NodeDescription {
    return this.#describe();
  }

  /** Not ready any more, and refuses new sessions; those that are open stay. */
  beginDrain(nextUri: () => string): void {
    this.#departure.nextUri = nextUri;
    this.gate.drain();
    this.#sessions.drain?.();
  }

  sendAway(limit: number, nextUri: () => string): void {
    const count = this.#node.sendAway(limit, nextUri);
    this.gate.sendAway(limit - count, nextUri);
  }

  /** Closes all sessions and both ports. Idempotent. */
  async close(): Promise<void> {
    await this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Shared with the HTTP server, which is there before the node. */
interface Departure {
  /** Set while the node drains. */
  nextUri: (() => string) | undefined;
}

const DRAINING: Readiness = { ready: false, reasons: ["the node drains"] };

interface OpenParts {
  readonly departure: Departure;
  readonly describe: () => NodeDescription;
  readonly admission: Admission;
  readonly gate: SessionGate;
  readonly http: HttpServer;
  readonly certificate: NodeCertificate;
  readonly eventLoop: EventLoopMonitor;
  readonly sessions: RenewableSessionServer;
}

async function openParts(
  options: NodeServerOptions,
  deps: NodeServerDeps,
  lifetime: Lifetime,
): Promise<OpenParts> {
  const { logger, metrics, clock, node, verifier } = deps;
  const admission = createAdmission({ allowAnonymous: options.allowAnonymous }, { clock, verifier });
  const eventLoop = lifetime.own("event loop monitor", new EventLoopMonitor());
  lifetime.add(
    "event loop metric",
    metrics.read("canopy_event_loop_utilization_ratio", "", () => eventLoop.utilization),
  );
  const certificate = lifetime.own(
    "certificate",
    await NodeCertificate.open(options.tls, {
      logger: logger.child("certificate"),
      createDevelopmentCertificate: deps.createDevelopmentCertificate,
    }),
  );
  const gate = lifetime.own(
    "session gate",
    new SessionGate(options, { admission, clock, metrics, logger: logger.child("gate") }),
  );
  const http = lifetime.own(
    "http",
    await createHttpServer(
      {
        host: options.host,
        port: options.port,
        portOption: options.portOption,
        tls: options.tls === undefined ? undefined : certificate.current,
        maxConnections: options.maxSessions + SPARE_CONNECTIONS,
        maxConnectionsPerAddress: options.maxConnectionsPerAddress,
        requestsPerSecondPerAddress: options.requestsPerSecondPerAddress,
        trustedProxies: options.trustedProxies,
        corsOrigins: options.corsOrigins,
      },
      {
        logger: logger.child("http"),
        metrics,
        clock,
        readiness: () => (gate.draining ? DRAINING : node.readiness()),
        beforeRoutes: async (app) => {
          if (options.api !== undefined) await describeApi(app, options.api);
        },
        ...(options.privateMetrics === true && {
          guardMetrics: (request) => authorizeOperator(request, admission),
        }),
      },
    ),
  );
  const departure: Departure = { nextUri: undefined };
  const sending = lifetime.own("send rate", new SendRate({ metrics }));
  const startedAtMs = Math.floor(clock.nowMs());
  const describe = (): NodeDescription => {
    const load: NodeLoad = {
      sessions: gate.size,
      maxSessions: options.maxSessions,
      utilization: eventLoop.utilization,
      sentBytesPerSecond: sending.bytesPerSecond,
    };
    return describeSelf(
      options.identity,
      node.topology(() => false),
      {
        load,
        startedAtMs,
        draining: gate.draining,
      },
    );
  };
  http.app.addHook("onRequest", (_request, reply, done) => {
    const { nextUri } = departure;
    if (nextUri !== undefined) void reply.header(GOAWAY_HEADER, nextUri() || "*");
    done();
  });
  let settleListening = (): void => {};
  const listening = new Promise<void>((resolve) => {
    settleListening = resolve;
  });
  registerNodeRoutes(http.app, {
    admission,
    certificate,
    listening,
    announced: () => node.announced(),
    topology: (sees, isOperator) => {
      const topology = node.topology(sees);
      if (!isOperator) return describeForOthers(topology, describe());
      return describeNetwork(topology, describe(), deps.controlPlane?.view());
    },
  });
  registerLocateRoute(http.app, { admission, locator: deps.locator });
  await deps.registerRoutes?.(http.app, admission, gate);
  if (deps.drain !== undefined) {
    const sessionCount = (): number => gate.size;
    registerDrainRoutes(http.app, { admission, drain: deps.drain, sessionCount });
  }
  lifetime.add(
    "draining metric",
    metrics.read("canopy_draining", "", () => Number(gate.draining)),
  );
  const { port } = await http.start();
  const sessions = lifetime.own(
    "sessions",
    await listen(options, deps, { port, tls: certificate.current, gate, httpServer: http.server }).finally(
      settleListening,
    ),
  );
  lifetime.add(
    "flush metric",
    metrics.read("canopy_flush_interval_seconds", "", () => (sessions.flushIntervalMs ?? 0) / 1_000),
  );
  for (const reason of METRICS.canopy_quic_dropped_packets_total.label.values) {
    const read = (): number => sessions.droppedPackets?.[reason] ?? 0;
    lifetime.add("dropped packets", metrics.read("canopy_quic_dropped_packets_total", reason, read));
  }
  certificate.onRenewed((next) => {
    http.setTls(next);
    sessions.setCertificate?.(next);
  });
  return { departure, describe, admission, gate, http, certificate, eventLoop, sessions };
}

function describeSelf(
  identity: NodeServerOptions["identity"],
  topology: Topology,
  state: Pick<NodeDescription, "load" | "startedAtMs" | "draining">,
): NodeDescription {
  const { originId: id, name, tier = 0 } = topology;
  const role = identity?.role ?? (tier === 0 ? "origin" : tier < EDGE_TIER ? "relay" : "edge");
  const { region = "", url = "", httpUrl = "" } = identity ?? {};
  return { id, name, role, tier, region, url, httpUrl, ...state, parents: feedingNodes(topology) };
}

function feedingNodes({ parent, parents }: Topology): readonly FeedingNode[] {
  if (parents === undefined) return parent === null ? [] : [parent];
  return parents
    .filter(({ connected }) => connected)
    .map(({ originId: id, url, rttMs, subscriptions }) => ({ id, url, rttMs, subscriptions }));
}

async function listen(
  options: NodeServerOptions,
  deps: NodeServerDeps,
  parts: {
    readonly port: number;
    readonly tls: TlsCertificate;
    readonly gate: SessionGate;
    readonly httpServer: HttpServer["server"];
  },
): Promise<RenewableSessionServer> {
  const { port, tls, gate, httpServer } = parts;
  try {
    return await deps.listenSessions(
      { host: options.host, port, tls, httpServer },
      {
        onRequest: (request, later) => gate.decide(request, later),
        onSession: (session) => deps.node.acceptSession(session, gate.admit(session)),
      },
    );
  } catch (error) {
    throw listenError(error, { host: options.host, port, portOption: options.portOption });
  }
}
