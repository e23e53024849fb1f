import type { AddressInfo, Server } from "node:net";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { addressKey } from "../limit/address-key.ts";
import { AddressRate } from "../limit/address-rate.ts";
import { TrustedProxies } from "../limit/trusted-proxies.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { Clock } from "../time/clock.ts";
import { type Readiness, registerBasicRoutes } from "./basic-routes.ts";
import { destroyResetStreams } from "./destroy-reset-streams.ts";
import { createProblemHandler, ProblemError, problemBody, sendProblem } from "./problem.ts";

/** Largest request body unless a route sets its own; an SDP offer is under 20 kB. */
const DEFAULT_BODY_LIMIT_BYTES = 256 * 1024;
/** A whole request must arrive within this time, so that slow senders do not hold connections. */
const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
/** Idle keep-alive connections are dropped after this. */
const KEEP_ALIVE_TIMEOUT_MS = 30_000;
/** Worst case about 64 kB of buffers each: 640 MB, only reachable by deliberate attack. */
const DEFAULT_MAX_CONNECTIONS = 10_000;
/**
 * Connections that the system keeps until they are accepted. Who comes when all places are taken, as many do at once
 * when another edge is lost, tries again after 1, 3 and 7 s. More than `net.core.somaxconn` it does not keep.
 */
const LISTEN_BACKLOG = 4_096;

export interface TlsIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** With it the port speaks HTTPS, HTTP/1.1 and HTTP/2; without it plain HTTP/1.1. */
  readonly tls?: TlsIdentity | undefined;
  readonly bodyLimitBytes?: number;
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
  /** TCP connections at one time from one address; default: as many as altogether. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Requests that one address may send in a second, and twice as many at once; 0 or undefined: any number. */
  readonly requestsPerSecondPerAddress?: number | undefined;
  /** Proxies in front, whose word for where a request comes from is taken; default: nobody's. */
  readonly trustedProxies?: TrustedProxies | undefined;
  /** Web origins whose pages may read the answers, `*` among them: any; default: any. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Option that sets the port, named in the message when the port is taken. */
  readonly portOption?: string;
}

export interface HttpServerDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Answers `/readyz`; a server without it is ready whenever it listens. */
  readonly readiness?: () => Readiness;
  /** Throws if the sender may not see the metrics; undefined: everybody may. */
  readonly guardMetrics?: (request: FastifyRequest) => Promise<void>;
  /** Called before the first route is registered, for plugins that look at every one. */
  readonly beforeRoutes?: (app: FastifyInstance) => Promise<void>;
}

export interface HttpServer extends AsyncDisposable {
  /** Register routes on it before `start`. */
  readonly app: FastifyInstance;
  /** The underlying server, for upgrades. */
  readonly server: Server;
  /** Listens; rejects with code `listen-failed`. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** Exchanges the certificate for new connections. */
  setTls(tls: TlsIdentity): void;
  /** Ends requests under way and all connections. Idempotent. */
  close(): Promise<void>;
}

/** An address that was quiet may send this many seconds' worth of requests at once: a player that starts does. */
const REQUEST_BURST_SECONDS = 2;

const ALWAYS_READY = (): Readiness => ({ ready: true, reasons: [] });

/** A Fastify 5 server with what every node answers and how every node answers errors. */
export async function createHttpServer(
  options: HttpServerOptions,
  deps: HttpServerDeps,
): Promise<HttpServer> {
  const onError = createProblemHandler(deps.logger);
  const proxies = options.trustedProxies ?? new TrustedProxies([]);
  const common = {
    bodyLimit: options.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    requestTimeout: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // An idle keep-alive connection of a browser must not hold up the end of the process.
    forceCloseConnections: true as const,
    logger: false as const,
    trustProxy: (address: string): boolean => proxies.has(address),
    // For requests that come to no route, such as one whose path cannot be decoded.
    frameworkErrors: onError as never,
    // A body is taken as it is or refused: a misspelt field that is dropped, or a string for a number, would be a
    // mistake of the sender that nobody tells him. That the routes' own schemas are valid is for a test to say: asked at
    // every start it was an eighth of an origin's.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, validateSchema: false } } as const,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_024 },
  };
  const { tls } = options;
  // The two servers differ in the raw request type only, and no route of ours touches that.
  const app =
    tls === undefined
      ? (Fastify(common) as FastifyInstance)
      : (Fastify({
          ...common,
          http2: true,
          https: { allowHTTP1: true, cert: tls.certPem, key: tls.keyPem },
        }) as unknown as FastifyInstance);
  app.setErrorHandler(onError);
  app.setNotFoundHandler((request, reply) => {
    sendProblem(
      reply,
      problemBody(404, undefined, `Nothing is at ${request.method} ${request.url.split("?")[0]}.`),
    );
  });
  await app.register(cors, {
    origin: corsOrigin(options.corsOrigins),
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    exposedHeaders: [
      "Location",
      "Link",
      "ETag",
      "Accept-Patch",
      "Accept-Post",
      "Retry-After",
      "Content-Range",
      "Canopy-Goaway",
    ],
    maxAge: 86_400,
    // WHIP and WHEP clients that are no browsers ask OPTIONS for what a resource takes (RFC 9725 section 4.2).
    strictPreflight: false,
  });
  const refused = deps.metrics.counter("canopy_requests_refused_total");
  limitRequests(app, options.requestsPerSecondPerAddress ?? 0, () => refused("rate"));
  await deps.beforeRoutes?.(app);
  registerBasicRoutes(app, {
    metrics: deps.metrics,
    clock: deps.clock,
    readiness: deps.readiness ?? ALWAYS_READY,
    guardMetrics: deps.guardMetrics,
  });

  const server = app.server as Server;
  server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  limitConnections(server, options.maxConnectionsPerAddress, proxies, () => refused("connections"));
  // Connections that never finish the TLS handshake, or break it, are not worth a line each.
  server.on("tlsClientError", (_error: Error, socket: TLSSocket) => socket.destroy());
  const stopSweep = tls === undefined ? undefined : destroyResetStreams(server);

  const close = async (): Promise<void> => {
    stopSweep?.();
    await app.close();
  };
  return {
    app,
    server,
    async start() {
      try {
        await app.listen({ host: options.host, port: options.port, backlog: LISTEN_BACKLOG });
      } catch (error) {
        throw listenError(error, options);
      }
      const address = server.address() as AddressInfo;
      return { host: options.host, port: address.port };
    },
    setTls(next) {
      const secure = server as Server & { setSecureContext?(context: SecureContextOptions): void };
      secure.setSecureContext?.({ cert: next.certPem, key: next.keyPem });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function corsOrigin(origins: readonly string[] = ["*"]): "*" | string[] {
  return origins.includes("*") ? "*" : [...origins];
}

/** After CORS, so that a page can read that it was too much. */
function limitRequests(app: FastifyInstance, perSecond: number, onRefused: () => void): void {
  if (perSecond <= 0) return;
  const rate = new AddressRate({ perSecond, burst: perSecond * REQUEST_BURST_SECONDS });
  app.addHook("onRequest", (request, _reply, done) => {
    if (rate.take(request.ip, performance.now())) {
      done();
      return;
    }
    onRefused();
    const detail = `One address may send ${perSecond} requests in a second.`;
    done(new ProblemError(429, "Too Many Requests", detail, { headers: { "retry-after": "1" } }));
  });
}

/** Counts TCP connections, before TLS and HTTP cost anything. Behind a proxy all come from the proxy. */
function limitConnections(
  server: Server,
  max: number | undefined,
  proxies: TrustedProxies,
  onRefused: () => void,
): void {
  if (max === undefined) return;
  const perAddress = new Map<string, number>();
  server.on("connection", (socket) => {
    const { remoteAddress = "" } = socket;
    if (proxies.has(remoteAddress)) return;
    const key = addressKey(remoteAddress);
    const open = perAddress.get(key) ?? 0;
    if (open >= max) {
      onRefused();
      socket.destroy();
      return;
    }
    perAddress.set(key, open + 1);
    socket.once("close", () => {
      const left = (perAddress.get(key) ?? 1) - 1;
      if (left > 0) perAddress.set(key, left);
      else perAddress.delete(key);
    });
  });
}

/** Says which option to change; also for other listeners than HTTP. */
export function listenError(
  error: unknown,
  options: { readonly host: string; readonly port: number; readonly portOption?: string | undefined },
): RuntimeError {
  const code = systemCode(error);
  const where = `${options.host}:${options.port}`;
  const option = options.portOption === undefined ? "" : `; choose another one with --${options.portOption}`;
  const message =
    code === "EADDRINUSE"
      ? `port ${options.port} on ${options.host} is in use${option}`
      : code === "EACCES"
        ? `no permission to listen on ${where}${option}`
        : `cannot listen on ${where}`;
  return new RuntimeError("listen-failed", message, { cause: error });
}

/** Libraries wrap the system's error: its code is the first upper-case one in the chain of causes. */
function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined && /^E[A-Z]+$/.test(code)) return code;
  }
  return undefined;
}
