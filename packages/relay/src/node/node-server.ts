import {
  type Clock,
  createHttpServer,
  EventLoopMonitor,
  type HttpServer,
  Lifetime,
  type Logger,
  listenError,
  type Metrics,
  type Readiness,
  type TokenVerifier,
} from "@canopy/runtime";
import type { Session, SessionServer, SessionServerHandler } from "@canopy/transport";
import type { EdgeLocator } from "../tree/edge-locator.ts";
import { type Admission, createAdmission } from "./admission.ts";
import type { DrainedNode, NodeDrain } from "./drain-node.ts";
import { registerDrainRoutes } from "./drain-routes.ts";
import { registerLocateRoute } from "./locate-route.ts";
import { type CertificateFiles, NodeCertificate, type TlsCertificate } from "./node-certificate.ts";
import { registerNodeRoutes } from "./node-routes.ts";
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

export interface NodeServerOptions {
  readonly host: string;
  /** TCP and UDP; 0 = any that is free for both. */
  readonly port: number;
  /** Name of the option that sets the port, for messages. */
  readonly portOption: string;
  /** With files, TCP speaks HTTPS and HTTP/2; without, plain HTTP, and QUIC has a development certificate. */
  readonly tls: CertificateFiles | undefined;
  /** Sessions and requests without a token are let in. */
  readonly allowAnonymous: boolean;
  /** Subprotocols and ALPN tokens, best first. */
  readonly protocols: readonly string[];
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
}

/** A session server whose certificate can be exchanged while it runs. */
export interface RenewableSessionServer extends SessionServer {
  setCertificate?(tls: { readonly certPem: string; readonly keyPem: string }): void;
  /** Coalescing interval in force; undefined where nothing is coalesced. */
  readonly flushIntervalMs?: number;
  drain?(): void;
}

/** What stands behind the server: the relay node, or whatever a hop builds around it. */
export interface ServedNode {
  /** Must set the session's handler before it returns, and call `authorize` once the path is known. */
  acceptSession(session: Session, authorize: AuthorizeSession): void;
  /** Paths of the active broadcasts. */
  announced(): Iterable<string>;
  /** As far as the one who asks sees broadcasts. */
  topology(sees: (path: string) => boolean): unknown;
  readiness(): Readiness;
  /** Asks up to `limit` sessions that have not been asked yet to go on elsewhere. */
  sendAway(limit: number, nextUri: () => string): number;
  /** Connections that count as sessions but do not come through the gate, such as RTMP publishers. */
  readonly otherSessions?: number;
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
  /** Names edges to viewers; undefined on a node that follows no registry. */
  readonly locator?: Pick<EdgeLocator, "locate"> | undefined;
  /** Undefined: the node cannot be drained over HTTP. */
  readonly drain?: NodeDrain | undefined;
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

  private constructor(lifetime: Lifetime, parts: OpenParts, host: string, node: ServedNode) {
    this.#lifetime = lifetime;
    this.#sessions = parts.sessions;
    this.#node = node;
    this.#departure = parts.departure;
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
    return this.gate.size + (this.#node.otherSessions ?? 0);
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
      },
      {
        logger: logger.child("http"),
        metrics,
        clock,
        readiness: () => (gate.draining ? DRAINING : node.readiness()),
      },
    ),
  );
  const departure: Departure = { nextUri: undefined };
  http.app.addHook("onRequest", (_request, reply, done) => {
    const { nextUri } = departure;
    if (nextUri !== undefined) void reply.header(GOAWAY_HEADER, nextUri() || "*");
    done();
  });
  registerNodeRoutes(http.app, {
    admission,
    certificate,
    announced: () => node.announced(),
    topology: (sees) => node.topology(sees),
  });
  registerLocateRoute(http.app, { admission, locator: deps.locator });
  await deps.registerRoutes?.(http.app, admission, gate);
  if (deps.drain !== undefined) {
    const sessionCount = (): number => gate.size + (node.otherSessions ?? 0);
    registerDrainRoutes(http.app, { admission, drain: deps.drain, sessionCount });
  }
  lifetime.add(
    "draining metric",
    metrics.read("canopy_draining", "", () => Number(gate.draining)),
  );
  const { port } = await http.start();
  const sessions = lifetime.own(
    "sessions",
    await listen(options, deps, { port, tls: certificate.current, gate, httpServer: http.server }),
  );
  lifetime.add(
    "flush metric",
    metrics.read("canopy_flush_interval_seconds", "", () => (sessions.flushIntervalMs ?? 0) / 1_000),
  );
  certificate.onRenewed((next) => {
    http.setTls(next);
    sessions.setCertificate?.(next);
  });
  return { departure, admission, gate, http, certificate, eventLoop, sessions };
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
