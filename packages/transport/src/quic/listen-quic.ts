import { randomBytes } from "node:crypto";
import type { SessionServer, SessionServerHandler } from "../session.ts";
import { SessionAcceptor } from "./accept-session.ts";
import { ResetTokens } from "./connection-id.ts";
import { serveHttp3 } from "./h3/serve-http3.ts";
import { InitialAcceptor } from "./initial-acceptor.ts";
import { loadQuiche, type NativeConfig, type Quiche } from "./native.ts";
import type { QuicConnection } from "./quic-connection.ts";
import { createQuicCounters, type QuicCounters } from "./quic-counters.ts";
import { QuicEndpoint } from "./quic-endpoint.ts";
import { QuicError } from "./quic-error.ts";
import {
  DEFAULT_SERVER_LIMITS,
  DEFAULT_TRANSPORT,
  type QuicServerLimits,
  type QuicTransportOptions,
} from "./quic-limits.ts";
import type { QuicLogger } from "./quic-logger.ts";
import { QuicLoop } from "./quic-loop.ts";
import { createServerConfig, type QuicServerTls } from "./quic-tls.ts";
import { bindUdpSocket } from "./udp-socket.ts";

/** How long `close` waits until the peers have heard the reason and the last packets have left. */
const CLOSE_WAIT_MS = 500;
/** And how long for the last packets to those who have not answered by then. */
const HURRIED_CLOSE_WAIT_MS = 100;
const CLOSE_POLL_MS = 5;

export interface ListenQuicOptions {
  /** Address to bind, such as `127.0.0.1`, `0.0.0.0` or `::`. */
  readonly host: string;
  /** UDP port; 0 = any free one. */
  readonly port: number;
  readonly tls: QuicServerTls;
  /** ALPN tokens in order of preference; `h3` among them switches HTTP/3 WebTransport on. */
  readonly alpn: readonly string[];
  readonly transport?: Partial<QuicTransportOptions>;
  readonly limits?: Partial<QuicServerLimits>;
  /**
   * Secret of the stateless reset tokens. Give the same one after a restart, and the peers of the former process
   * learn at once that their connections are gone.
   */
  readonly resetSecret?: Uint8Array;
}

export interface QuicDeps {
  readonly logger: QuicLogger;
  /** Shared by all endpoints of a process; one of its own otherwise. */
  readonly loop?: QuicLoop;
  /** Where to count; one of its own otherwise. */
  readonly counters?: QuicCounters;
  readonly signal?: AbortSignal;
}

/** A listening QUIC endpoint: raw QUIC and HTTP/3 WebTransport on one UDP port. */
export interface QuicServer extends SessionServer {
  readonly counters: QuicCounters;
  /** Coalescing interval in force, milliseconds. */
  readonly flushIntervalMs: number;
  /** New connections get this certificate; existing ones go on. Throws QuicError `invalid-options`. */
  setCertificate(tls: QuicServerTls): void;
  /** Takes no new connections; existing ones go on. */
  drain(): void;
}

/** Opens the port. Rejects with QuicError `socket-failed`, `invalid-options` or `unsupported-platform`. */
export async function listenQuic(
  options: ListenQuicOptions,
  handler: SessionServerHandler,
  deps: QuicDeps,
): Promise<QuicServer> {
  deps.signal?.throwIfAborted();
  const quiche = await loadQuiche();
  const transport = { ...DEFAULT_TRANSPORT, ...options.transport };
  const config = createServerConfig(quiche, options.tls, options.alpn, transport);
  const { host, port } = options;
  const socket = await bindUdpSocket({ host, port, bufferBytes: transport.socketBufferBytes });
  const server = new ListeningQuic({ ...options, transport }, { ...deps, quiche, config, socket, handler });
  deps.signal?.addEventListener("abort", () => void server.close(), { once: true });
  return server;
}

interface ListeningDeps extends QuicDeps {
  readonly quiche: Quiche;
  readonly config: NativeConfig;
  readonly socket: Awaited<ReturnType<typeof bindUdpSocket>>;
  readonly handler: SessionServerHandler;
}

class ListeningQuic implements QuicServer {
  readonly address: { readonly host: string; readonly port: number };
  readonly counters: QuicCounters;
  readonly #loop: QuicLoop;
  readonly #endpoint: QuicEndpoint;
  readonly #acceptor: InitialAcceptor;
  readonly #recreateConfig: (tls: QuicServerTls) => NativeConfig;
  #config: NativeConfig;
  #closing: Promise<void> | undefined;

  constructor(options: ListenQuicOptions & { transport: QuicTransportOptions }, deps: ListeningDeps) {
    const { quiche, socket, handler, logger } = deps;
    const counters = deps.counters ?? createQuicCounters();
    const loop = deps.loop ?? new QuicLoop();
    const limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const resetTokens = new ResetTokens(options.resetSecret ?? randomBytes(32));
    this.counters = counters;
    this.#loop = loop;
    this.#config = deps.config;
    this.#recreateConfig = (tls) => createServerConfig(quiche, tls, options.alpn, options.transport);
    this.#endpoint = new QuicEndpoint({
      socket,
      loop,
      counters,
      resetTokens,
      onUnknownPacket: (packet, remote) => this.#acceptor.onPacket(packet, remote),
      onConnectionRemoved: (connection) => this.#acceptor.released(connection),
      onSocketError: (error) => logger.warn({ err: error }, "QUIC socket error"),
    });
    const onHandlerError = (error: unknown): void =>
      logger.warn({ err: error }, "a session handler failed; its connection is closed");
    const acceptorDeps = {
      handler,
      counters,
      serveHttp3: (connection: QuicConnection) => serveHttp3(connection, { handler, counters }),
      onHandshakeOver: (connection: QuicConnection) => this.#acceptor.handshakeOver(connection),
    };
    this.#acceptor = new InitialAcceptor(
      { limits, transport: options.transport },
      {
        quiche,
        endpoint: this.#endpoint,
        loop,
        counters,
        resetTokens,
        config: () => this.#config,
        onHandlerError,
        onConnection: (connection) => {
          connection.handler = new SessionAcceptor(connection, acceptorDeps);
        },
      },
    );
    this.address = { host: this.#endpoint.local.host, port: this.#endpoint.local.port };
  }

  get flushIntervalMs(): number {
    return this.#loop.flushIntervalMs;
  }

  setCertificate(tls: QuicServerTls): void {
    if (this.#closing !== undefined) throw new QuicError("aborted", "the server is closed");
    this.#config = this.#recreateConfig(tls);
  }

  drain(): void {
    this.#acceptor.drain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.drain();
    await closeConnections(this.#endpoint);
    this.#endpoint.close();
  }
}

/** Closes all connections of an endpoint and waits a moment until their last packets are out. */
export async function closeConnections(endpoint: QuicEndpoint): Promise<void> {
  for (const connection of endpoint.connections) connection.shutDown();
  await waitForSilence(endpoint, CLOSE_WAIT_MS);
  for (const connection of endpoint.connections) connection.endLinger();
  await waitForSilence(endpoint, HURRIED_CLOSE_WAIT_MS);
}

async function waitForSilence(endpoint: QuicEndpoint, waitMs: number): Promise<void> {
  const deadlineMs = performance.now() + waitMs;
  while (performance.now() < deadlineMs && [...endpoint.connections].some((one) => !one.silenced)) {
    await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
  }
}
