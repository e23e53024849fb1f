import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { bearerToken } from "../../bearer-token.ts";
import { createDevelopmentCertificate } from "../../quic/certificate.ts";
import type { SessionDecision, SessionServerHandler } from "../../session.ts";
import { type Handshake, type HandshakeLimits, Handshakes } from "../../websocket/handshakes.ts";
import { rejectUpgrade } from "../../websocket/reject-upgrade.ts";
import { type ClientOf, remoteAddressOf } from "../../websocket/remote-address.ts";
import type { UpgradeTaker } from "../../websocket/upgrade-taker.ts";
import { DEFAULT_FAILS_LIMITS, type FailsLimits } from "../fails-limits.ts";
import { FailsSession } from "../fails-session.ts";
import { type MappingToken, parseMappingOffer } from "../mapping-token.ts";
import { loadPackageUpgrades, type PackageUpgrades } from "./load-package.ts";
import { PackageSocket } from "./package-socket.ts";

export interface ServeFailsWebSocketsOptions extends HandshakeLimits {
  /** Protocols inside that are spoken here, best first. */
  readonly protocols: readonly string[];
  readonly limits?: Partial<FailsLimits>;
  /** Default: the connection's other end. */
  readonly clientOf?: ClientOf | undefined;
}

const TICK_MS = 1_000;
const CLOSE_TIMEOUT_MS = 3_000;
/** A message holds what its sender's window lets out, and the names of its stream. */
const MESSAGE_HEADER_BYTES = 64;

interface Connection {
  readonly session: FailsSession;
  readonly packageSocket: PackageSocket;
  readonly handshake: Handshake;
  takenBytes: number;
  takenMs: number;
  closingMs: number | undefined;
}

/**
 * Serves sessions of `@fails-components/webtransport`, WebTransport over WebSocket, on the upgrades that offer its
 * subprotocol. The package keeps streams, windows and capsules; sockets, limits and deadlines are ours.
 */
export function serveFailsWebSockets(
  options: ServeFailsWebSocketsOptions,
  handler: SessionServerHandler,
): UpgradeTaker {
  return new FailsAcceptor(options, handler);
}

class FailsAcceptor implements UpgradeTaker {
  readonly #options: ServeFailsWebSocketsOptions;
  readonly #handler: SessionServerHandler;
  readonly #limits: FailsLimits;
  readonly #webSockets: WebSocketServer;
  readonly #chosen = new WeakMap<IncomingMessage, string>();
  readonly #handshakes: Handshakes;
  readonly #connections = new Map<PackageSocket, Connection>();
  readonly #timer: NodeJS.Timeout;
  readonly #nowMs = (): number => performance.now();
  #upgrades: Promise<PackageUpgrades> | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: ServeFailsWebSocketsOptions, handler: SessionServerHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#handshakes = new Handshakes(options);
    this.#limits = { ...DEFAULT_FAILS_LIMITS, ...options.limits };
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // Checked by `ws` before anything is kept.
      maxPayload: this.#limits.sessionWindowBytes + MESSAGE_HEADER_BYTES,
      handleProtocols: (_offered, request) => this.#chosen.get(request) ?? false,
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#connections.size + this.#handshakes.waiting;
  }

  take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const offer = parseMappingOffer(request.headers["sec-websocket-protocol"]);
    if (offer.length === 0 || this.#closed) return false;
    const remoteAddress = remoteAddressOf(socket as Socket, request, this.#options.clientOf);
    const handshake = this.#handshakes.begin(socket, remoteAddress, this.#nowMs());
    if (handshake === undefined) return true;
    const decide = (decision: SessionDecision): void => {
      if (this.#handshakes.has(handshake))
        this.#decided({ request, socket, head }, handshake, offer, decision);
    };
    const decision = this.#handler.onRequest(
      {
        kind: "websocket",
        remoteAddress,
        path: pathOf(request),
        bearer: bearerToken(request.headers.authorization),
        origin: request.headers.origin,
        protocols: [...new Set(offer.map(({ protocol }) => protocol))].filter((protocol) => protocol !== ""),
      },
      decide,
    );
    if (decision !== undefined) decide(decision);
    return true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#handshakes.close();
    for (const { session } of this.#connections.values()) session.close(0, "the node stops");
    const deadlineMs = this.#nowMs() + CLOSE_TIMEOUT_MS / 10;
    while (this.#connections.size > 0 && this.#nowMs() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const { packageSocket } of this.#connections.values()) packageSocket.destroy();
    this.#connections.clear();
    this.#webSockets.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #decided(
    parts: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
    handshake: Handshake,
    offer: readonly MappingToken[],
    decision: SessionDecision,
  ): void {
    const { request, socket, head } = parts;
    const chosen = decision.accept ? offer.find(({ protocol }) => protocol === decision.protocol) : undefined;
    if (chosen === undefined) {
      this.#handshakes.end(handshake);
      if (decision.accept) rejectUpgrade(socket, 406, "None of the offered protocols is spoken here.");
      else rejectUpgrade(socket, decision.status, `${decision.reason}.`);
      return;
    }
    this.#chosen.set(request, chosen.token);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, socket as Socket, request, chosen, handshake);
    });
  }

  #open(
    webSocket: WebSocket,
    socket: Socket,
    request: IncomingMessage,
    { token, protocol }: MappingToken,
    handshake: Handshake,
  ): void {
    const session = new FailsSession(
      {
        id: this.#nextId,
        kind: "websocket",
        protocol,
        path: pathOf(request),
        bearer: bearerToken(request.headers.authorization),
        remoteAddress: remoteAddressOf(socket, request, this.#options.clientOf),
        limits: this.#limits,
      },
      {
        nowMs: this.#nowMs,
        defer: (work) => queueMicrotask(work),
        later: (delayMs, work) => void setTimeout(work, delayMs).unref(),
        onClosed: () => {
          connection.closingMs ??= this.#nowMs();
        },
      },
    );
    this.#nextId += 1;
    handshake.isUpgraded = true;
    const packageSocket = new PackageSocket(webSocket, socket, {
      onFault: (error) => session.fail(error instanceof Error ? error.message : "internal error"),
      onMessage: () => session.onSignOfLife(),
    });
    const connection: Connection = {
      session,
      packageSocket,
      handshake,
      takenBytes: 0,
      takenMs: this.#nowMs(),
      closingMs: undefined,
    };
    this.#connections.set(packageSocket, connection);
    webSocket.on("pong", () => session.onSignOfLife());
    webSocket.on("error", (error: Error) => session.onSocketClosed(error.message));
    webSocket.on("close", () => {
      this.#handshakes.end(handshake);
      this.#connections.delete(packageSocket);
      session.onSocketClosed("the connection was closed");
    });
    this.#load().then(
      (upgrades) => upgrades.open(packageSocket, token),
      (error: unknown) => session.fail(`the mapping could not be loaded: ${String(error)}`),
    );
  }

  #load(): Promise<PackageUpgrades> {
    this.#upgrades ??= createDevelopmentCertificate(["localhost"]).then(({ certPem, keyPem }) =>
      loadPackageUpgrades({ certPem, keyPem, ...this.#limits }, (native, packageSocket) => {
        const connection = this.#connections.get(packageSocket);
        if (connection === undefined || connection.session.closed) return;
        this.#handshakes.end(connection.handshake);
        connection.session.attach(native);
        this.#handler.onSession(connection.session);
      }),
    );
    return this.#upgrades;
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    this.#handshakes.tick(nowMs);
    for (const connection of this.#connections.values()) this.#check(connection, nowMs);
  }

  #check(connection: Connection, nowMs: number): void {
    const { session, packageSocket } = connection;
    if (session.closed) {
      connection.closingMs ??= nowMs;
      if (nowMs - connection.closingMs > CLOSE_TIMEOUT_MS) packageSocket.destroy();
      return;
    }
    const { idleTimeoutMs, keepAliveMs } = this.#limits;
    const { takenBytes } = packageSocket;
    if (packageSocket.unsentBytes === 0 || takenBytes !== connection.takenBytes) connection.takenMs = nowMs;
    connection.takenBytes = takenBytes;
    const { silentMs } = session.stats();
    if (silentMs > idleTimeoutMs) session.fail("the peer is silent");
    else if (nowMs - connection.takenMs > idleTimeoutMs) session.fail("the peer does not read");
    else if (silentMs > keepAliveMs) packageSocket.ping();
  }
}

/** The package's client puts a slash before the one that is there. */
function pathOf({ url = "/" }: IncomingMessage): string {
  return url.replace(/^\/+/, "/");
}
