import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { bearerToken } from "../bearer-token.ts";
import {
  chooseSubprotocol,
  DEFAULT_QMUX_LIMITS,
  offeredProtocols,
  parseOffer,
  QmuxError,
  type QmuxLimits,
  QmuxSession,
  RecordWriter,
  type Subprotocol,
} from "../qmux/index.ts";
import type { QuicLoop } from "../quic/quic-loop.ts";
import type { SessionDecision, SessionServerHandler } from "../session.ts";
import { type Handshake, type HandshakeLimits, Handshakes } from "./handshakes.ts";
import { LoopFlush, plainBytes } from "./loop-flush.ts";
import { rejectUpgrade } from "./reject-upgrade.ts";
import { type ClientOf, remoteAddressOf } from "./remote-address.ts";
import { ServerSocket } from "./server-socket.ts";
import type { UpgradeTaker } from "./upgrade-taker.ts";

export interface ServeWebSocketsOptions extends HandshakeLimits {
  /** Protocols that are spoken inside QMux, best first. */
  readonly protocols: readonly string[];
  readonly limits?: Partial<QmuxLimits>;
  /** Default: the connection's other end. */
  readonly clientOf?: ClientOf | undefined;
}

type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ServeWebSocketsDeps {
  /** An HTTP server; its `upgrade` events are handled. */
  readonly server: {
    on(event: "upgrade", listener: OnUpgrade): unknown;
    off(event: "upgrade", listener: OnUpgrade): unknown;
  };
  /** Shared with QUIC, so that all of a node's connections are flushed together and coalesced under load. */
  readonly loop: QuicLoop;
  /** Another mapping that is spoken here, too; it is asked first, and closed with this. */
  readonly other?: UpgradeTaker | undefined;
  /** A handler of the upper layers threw; its session is closed. */
  readonly onHandlerError?: ((error: unknown) => void) | undefined;
}

export interface WebSocketSessions extends AsyncDisposable {
  /** Sessions and upgrades under way. */
  readonly size: number;
  /** Ends all sessions. Idempotent. */
  close(): Promise<void>;
}

const TICK_MS = 1_000;
/** A peer that does not answer the closing handshake is cut off. */
const CLOSE_TIMEOUT_MS = 3_000;

/** Serves sessions of QMux on the upgrades of an HTTP server. */
export function serveWebSockets(
  options: ServeWebSocketsOptions,
  handler: SessionServerHandler,
  deps: ServeWebSocketsDeps,
): WebSocketSessions {
  return new WebSocketAcceptor(options, handler, deps);
}

interface Connection {
  readonly webSocket: WebSocket;
  readonly session: QmuxSession;
  closingMs: number | undefined;
}

class WebSocketAcceptor implements WebSocketSessions {
  readonly #options: ServeWebSocketsOptions;
  readonly #handler: SessionServerHandler;
  readonly #deps: ServeWebSocketsDeps;
  readonly #limits: QmuxLimits;
  readonly #webSockets: WebSocketServer;
  readonly #chosen = new WeakMap<IncomingMessage, string>();
  readonly #handshakes: Handshakes;
  readonly #connections = new Set<Connection>();
  readonly #writer = new RecordWriter();
  readonly #timer: NodeJS.Timeout;
  readonly #nowMs = (): number => performance.now();
  readonly #onUpgrade: OnUpgrade = (request, socket, head) => this.#upgrade(request, socket, head);
  #nextId = 1;
  #closed = false;

  constructor(options: ServeWebSocketsOptions, handler: SessionServerHandler, deps: ServeWebSocketsDeps) {
    this.#options = options;
    this.#handler = handler;
    this.#deps = deps;
    this.#handshakes = new Handshakes(options);
    this.#limits = { ...DEFAULT_QMUX_LIMITS, ...options.limits };
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Media does not compress, and a compressor would cost each viewer 300 kB.
      perMessageDeflate: false,
      // Checked by `ws` on the length in the header, before anything is kept.
      maxPayload: this.#limits.maxRecordBytes,
      handleProtocols: (_offered, request) => this.#chosen.get(request) ?? false,
    });
    deps.loop.join();
    deps.server.on("upgrade", this.#onUpgrade);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#connections.size + this.#handshakes.waiting + (this.#deps.other?.size ?? 0);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#deps.server.off("upgrade", this.#onUpgrade);
    this.#handshakes.close();
    const others = this.#deps.other?.close();
    const open = [...this.#connections];
    for (const { session } of open) session.close(0, "the node stops");
    const deadlineMs = this.#nowMs() + CLOSE_TIMEOUT_MS / 10;
    while (this.#connections.size > 0 && this.#nowMs() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const { webSocket } of this.#connections) webSocket.terminate();
    this.#connections.clear();
    this.#webSockets.close();
    await others;
    this.#deps.loop.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A connection that breaks while it is looked at must not end the process.
    socket.on("error", () => socket.destroy());
    if (request.headers.upgrade?.toLowerCase() !== "websocket") {
      rejectUpgrade(socket, 426, "Only an upgrade to websocket is known here.");
      return;
    }
    if (this.#deps.other?.take(request, socket, head) === true) return;
    const offer = parseOffer(request.headers["sec-websocket-protocol"]);
    if (offer.length === 0) {
      const known = `qmux-02.${this.#options.protocols[0] ?? ""}`;
      rejectUpgrade(socket, 400, `Offer a subprotocol of QMux, such as ${known}.`);
      return;
    }
    const remoteAddress = remoteAddressOf(socket as Socket, request, this.#options.clientOf);
    const handshake = this.#handshakes.begin(socket, remoteAddress, this.#nowMs());
    if (handshake === undefined) return;
    const decide = (decision: SessionDecision): void => {
      if (!this.#handshakes.has(handshake)) return;
      this.#decided({ request, socket, head }, handshake, offer, decision);
    };
    const { protocols } = this.#options;
    const decision = this.#handler.onRequest(
      {
        kind: "websocket",
        remoteAddress,
        path: request.url ?? "/",
        bearer: bearerToken(request.headers.authorization),
        origin: request.headers.origin,
        protocols: offeredProtocols(offer, protocols),
      },
      decide,
    );
    if (decision !== undefined) decide(decision);
  }

  #decided(
    parts: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
    handshake: Handshake,
    offer: readonly Subprotocol[],
    decision: SessionDecision,
  ): void {
    const { request, socket, head } = parts;
    const chosen = decision.accept ? chooseSubprotocol(offer, decision.protocol) : undefined;
    if (!decision.accept || chosen === undefined) {
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
    { version, protocol }: Subprotocol,
    handshake: Handshake,
  ): void {
    // An exception in an event of the socket, or in the loop of all sessions, would end the process.
    const failed = (error: unknown): void => {
      this.#deps.onHandlerError?.(error);
      session.fail(new QmuxError("internal", "internal error"));
    };
    const flush = new LoopFlush(this.#deps.loop, () => {
      try {
        session.flush();
      } catch (error) {
        failed(error);
      }
    });
    const session: QmuxSession = new QmuxSession(
      {
        id: this.#nextId,
        role: "server",
        version,
        protocol,
        path: request.url ?? "/",
        bearer: bearerToken(request.headers.authorization),
        remoteAddress: remoteAddressOf(socket, request, this.#options.clientOf),
        limits: this.#limits,
      },
      {
        socket: new ServerSocket(webSocket, socket),
        writer: this.#writer,
        nowMs: this.#nowMs,
        scheduleFlush: flush.schedule,
        schedulePatientFlush: flush.schedulePatient,
        onReady: () => {
          this.#handshakes.end(handshake);
          this.#handler.onSession(session);
        },
      },
    );
    this.#nextId += 1;
    handshake.isUpgraded = true;
    const connection: Connection = { webSocket, session, closingMs: undefined };
    this.#connections.add(connection);
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!isBinary) {
        session.fail(new QmuxError("protocol-violation", "a text message came"));
        return;
      }
      try {
        session.onMessage(plainBytes(data));
      } catch (error) {
        failed(error);
      }
    });
    webSocket.on("pong", () => session.onSignOfLife());
    webSocket.on("error", (error: Error) => {
      this.#handshakes.end(handshake);
      session.onSocketClosed(error.message);
    });
    webSocket.on("close", () => {
      this.#connections.delete(connection);
      session.onSocketClosed("the connection was closed");
    });
    socket.on("drain", () => session.onSocketDrained());
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    this.#handshakes.tick(nowMs);
    for (const connection of this.#connections) {
      const { session, webSocket } = connection;
      session.tick();
      if (!session.closed) continue;
      connection.closingMs ??= nowMs;
      if (nowMs - connection.closingMs > CLOSE_TIMEOUT_MS) webSocket.terminate();
    }
  }
}
