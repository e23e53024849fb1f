import { randomBytes } from "node:crypto";
import { bearerToken } from "../../bearer-token.ts";
import { AddressLimiter } from "../../quic/address-limiter.ts";
import { createQuicCounters, type DropReason } from "../../quic/quic-counters.ts";
import { DEFAULT_SERVER_LIMITS, DEFAULT_TRANSPORT, type QuicServerLimits } from "../../quic/quic-limits.ts";
import type { QuicLogger } from "../../quic/quic-logger.ts";
import type { QuicServerTls } from "../../quic/quic-tls.ts";
import type { SessionDecision, SessionServer, SessionServerHandler } from "../../session.ts";
import { DEFAULT_FAILS_LIMITS, type FailsLimits } from "../fails-limits.ts";
import { FailsSession } from "../fails-session.ts";
import type { PackageSession } from "../package-session.ts";
import { Http3EngineError } from "./http3-engine-error.ts";
import { loadHttp3Server } from "./load-http3.ts";

/** For the reason of a close to leave before the engine ends its connection. */
const LAST_WORD_MS = 50;
/** The first flight of a handshake, its acknowledgements, and what is sent again. */
const INITIALS_PER_HANDSHAKE = 4;

export interface ListenHttp3Options {
  /** Address to bind, such as `127.0.0.1`, `0.0.0.0` or `::`. */
  readonly host: string;
  /** UDP port; 0 = any free one. */
  readonly port: number;
  readonly tls: QuicServerTls;
  /** Subprotocols that are spoken here, best first. */
  readonly protocols: readonly string[];
  readonly limits?: Partial<QuicServerLimits>;
  readonly sessionLimits?: Partial<FailsLimits>;
}

export interface ListenHttp3Deps {
  readonly logger: QuicLogger;
  readonly nowMs?: () => number;
}

/** WebTransport over HTTP/3 by `@fails-components/webtransport`, in place of the built-in engine. */
export interface Http3SessionServer extends SessionServer {
  /** UDP packets that the engine was not given, and requests that were not asked about, by reason. */
  readonly droppedPackets: Readonly<Record<DropReason, number>>;
  /** The engine cannot exchange it: sessions are closed, and the port is opened again with the new one. */
  setCertificate(tls: QuicServerTls): void;
  /** Takes no new sessions; existing ones go on. */
  drain(): void;
}

/** Opens the port. Rejects with Http3EngineError: `add-on-missing` says what to install. */
export async function listenHttp3(
  options: ListenHttp3Options,
  handler: SessionServerHandler,
  deps: ListenHttp3Deps,
): Promise<Http3SessionServer> {
  const server = new ListeningHttp3(options, handler, deps, await loadHttp3Server());
  await server.open(options.tls, options.port);
  return server;
}

type ServerClass = Awaited<ReturnType<typeof loadHttp3Server>>;
type PackageServer = InstanceType<ServerClass>;

interface OpenSession {
  readonly session: FailsSession;
  readonly protocol: string;
  isAdmitted: boolean;
}

class ListeningHttp3 implements Http3SessionServer {
  readonly droppedPackets = createQuicCounters().packetsDropped;
  readonly #options: ListenHttp3Options;
  readonly #handler: SessionServerHandler;
  readonly #logger: QuicLogger;
  readonly #nowMs: () => number;
  readonly #serverClass: ServerClass;
  readonly #limits: QuicServerLimits;
  readonly #sessionLimits: FailsLimits;
  readonly #addresses: AddressLimiter;
  readonly #sessions = new Set<OpenSession>();
  #address: { readonly host: string; readonly port: number };
  #server: PackageServer | undefined;
  #asked = 0;
  #nextId = 1;
  #isDraining = false;
  /** Certificates are exchanged one after the other. */
  #renewal: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    options: ListenHttp3Options,
    handler: SessionServerHandler,
    deps: ListenHttp3Deps,
    serverClass: ServerClass,
  ) {
    this.#options = options;
    this.#handler = handler;
    this.#logger = deps.logger;
    this.#nowMs = deps.nowMs ?? (() => performance.now());
    this.#serverClass = serverClass;
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.#sessionLimits = { ...DEFAULT_FAILS_LIMITS, ...options.sessionLimits };
    this.#addresses = new AddressLimiter({
      handshakesPerSecond: this.#limits.handshakesPerSecondPerAddress * INITIALS_PER_HANDSHAKE,
      burst: this.#limits.handshakeBurstPerAddress * INITIALS_PER_HANDSHAKE,
      maxSessions: Number.POSITIVE_INFINITY,
      maxAddresses: this.#limits.maxTrackedAddresses,
    });
    this.#address = { host: options.host, port: options.port };
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address;
  }

  async open(tls: QuicServerTls, port: number): Promise<void> {
    const { host } = this.#options;
    const server = this.#create(tls, port);
    try {
      await server.createTransportInt();
    } catch (cause) {
      throw new Http3EngineError("invalid-options", "the engine does not take the certificate or the key", {
        cause,
      });
    }
    server.transportInt.setJSRequestHandler(true);
    try {
      await server.ready;
    } catch (cause) {
      this.#guard(() => server.stopServer());
      throw new Http3EngineError("socket-failed", `cannot listen on UDP ${host} port ${port}`, { cause });
    }
    this.#server = server;
    this.#address = { host, port: server.port ?? port };
  }

  setCertificate(tls: QuicServerTls): void {
    this.#renewal = this.#renewal
      .then(() => (this.#closing === undefined ? this.#reopen(tls) : undefined))
      .catch((error: unknown) => this.#logger.warn({ err: error }, "the port could not be opened again"));
  }

  drain(): void {
    this.#isDraining = true;
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
    await this.#renewal;
    await this.#shut("the node stops");
  }

  async #reopen(tls: QuicServerTls): Promise<void> {
    const { port } = this.#address;
    await this.#shut("the certificate is renewed");
    await this.open(tls, port);
  }

  async #shut(reason: string): Promise<void> {
    const hadSessions = this.#sessions.size > 0;
    for (const { session } of this.#sessions) session.close(0, reason);
    if (hadSessions) await new Promise((resolve) => setTimeout(resolve, LAST_WORD_MS));
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.stopServer();
    await server.closed;
  }

  #create(tls: QuicServerTls, port: number): PackageServer {
    const { host } = this.#options;
    const { streamWindowBytes, sessionWindowBytes, maxIncomingStreams } = this.#sessionLimits;
    const engine = this;
    const bufferBytes = DEFAULT_TRANSPORT.socketBufferBytes;
    /** Every session and request comes to us, in place of the package's own objects and Web streams. */
    class Server extends this.#serverClass {
      override onSessionRequest(request: Http3Request): void {
        engine.#guard(() => engine.#onRequest(this, request));
      }

      override onHttpWTSessionVisitor({ session, userData }: Http3Opened): void {
        engine.#guard(() => userData.attach(session));
      }

      override onServerListening(event: { readonly host?: string; readonly port?: number }): void {
        engine.#guardSocket(this);
        super.onServerListening(event);
      }
    }
    return new Server({
      host,
      port,
      cert: tls.certPem,
      privKey: tls.keyPem,
      // Of the tokens by which a client proves its address; they end with the process.
      secret: randomBytes(32).toString("hex"),
      maxConnections: maxIncomingStreams,
      initialBidirectionalStreams: maxIncomingStreams,
      initialUnidirectionalStreams: maxIncomingStreams,
      initialStreamFlowControlWindow: streamWindowBytes,
      streamFlowControlWindowSizeLimit: streamWindowBytes,
      initialSessionFlowControlWindow: sessionWindowBytes,
      sessionFlowControlWindowSizeLimit: sessionWindowBytes,
      quicheNodeSocketOptions: {
        // Two processes on one port would take each other's packets.
        reuseAddr: false,
        recvBufferSize: bufferBytes,
        sendBufferSize: bufferBytes,
      },
    });
  }

  /** The engine's native code must not see what we throw. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#logger.warn({ err: error }, "a session handler failed");
    }
  }

  /** Drops first packets of an address that begins too many connections, before the engine keeps anything of them. */
  #guardSocket(server: PackageServer): void {
    const { socketInt } = server.transportInt.socket;
    const [deliver] = socketInt.listeners("message") as ((packet: Buffer, remote: RemoteInfo) => void)[];
    if (deliver === undefined) return;
    socketInt.removeAllListeners("message");
    socketInt.on("message", (packet: Buffer, remote: RemoteInfo) => {
      if (isInitial(packet)) {
        const verdict = this.#addresses.admit(remote.address, this.#nowMs());
        if (verdict !== "admitted") {
          this.droppedPackets[verdict] += 1;
          return;
        }
      }
      deliver(packet, remote);
    });
  }

  #onRequest(server: PackageServer, request: Http3Request): void {
    const { header, peerAddress } = request;
    const asked = { path: header[":path"] ?? "/", bearer: bearerToken(header.authorization), peerAddress };
    const { path } = asked;
    const offered = offeredProtocols(header["wt-available-protocols"]);
    const refuse = (status: number): void =>
      server.transportInt.finishSessionRequest({ ...request, status, path, header: {} });
    const noRoom = this.#noRoom();
    if (noRoom !== undefined) {
      this.droppedPackets[noRoom] += 1;
      refuse(503);
      return;
    }
    let early: SessionDecision | undefined;
    let entry: OpenSession | undefined;
    const decide = (decision: SessionDecision): void => {
      const asked = entry;
      if (asked === undefined) early ??= decision;
      else if (!asked.isAdmitted) this.#guard(() => this.#decided(asked, decision));
    };
    early =
      this.#handler.onRequest(
        {
          kind: "webtransport",
          remoteAddress: peerAddress,
          path,
          bearer: asked.bearer,
          origin: header.origin,
          protocols: offered,
        },
        decide,
      ) ?? early;
    if (early !== undefined && !early.accept) {
      refuse(early.status);
      return;
    }
    // The engine forgets a request whose stream ends, and would be given a dead one by a decision that comes later. So
    // the session opens now, and one that is refused later is closed.
    const protocol = early?.protocol ?? this.#options.protocols.find((one) => offered.includes(one)) ?? "";
    const opened: OpenSession = {
      session: this.#createSession(protocol, asked, () => this.#forget(opened)),
      protocol,
      isAdmitted: false,
    };
    entry = opened;
    this.#sessions.add(opened);
    this.#asked += 1;
    server.transportInt.finishSessionRequest({
      ...request,
      status: 200,
      path,
      header: {},
      userData: { attach: (native: PackageSession) => opened.session.attach(native) },
      ...(protocol !== "" && { selectedProtocol: protocol }),
    });
    if (early !== undefined) this.#decided(opened, early);
  }

  /** What a session that opens now would exceed. */
  #noRoom(): "closing" | "session-limit" | "handshake-limit" | undefined {
    if (this.#isDraining) return "closing";
    if (this.#sessions.size >= this.#limits.maxSessions) return "session-limit";
    return this.#asked >= this.#limits.maxHandshakes ? "handshake-limit" : undefined;
  }

  #createSession(
    protocol: string,
    { path, bearer, peerAddress: remoteAddress }: AskedSession,
    onClosed: () => void,
  ): FailsSession {
    const id = this.#nextId;
    this.#nextId += 1;
    return new FailsSession(
      { id, kind: "webtransport", protocol, path, bearer, remoteAddress, limits: this.#sessionLimits },
      {
        nowMs: this.#nowMs,
        defer: (work) => queueMicrotask(work),
        later: (delayMs, work) => void setTimeout(work, delayMs).unref(),
        onClosed,
      },
    );
  }

  #decided(entry: OpenSession, decision: SessionDecision): void {
    const { session, protocol } = entry;
    if (session.closed) return;
    if (!decision.accept) {
      // What the status would have been.
      session.close(decision.status, decision.reason);
      return;
    }
    if (decision.protocol !== protocol) {
      session.close(406, "another protocol was chosen");
      return;
    }
    entry.isAdmitted = true;
    this.#asked -= 1;
    this.#handler.onSession(session);
  }

  #forget(entry: OpenSession): void {
    if (!this.#sessions.delete(entry)) return;
    if (!entry.isAdmitted) this.#asked -= 1;
  }
}

interface RemoteInfo {
  readonly address: string;
}

/** The names are the package's. */
interface Http3Request {
  readonly header: Http3Headers;
  readonly peerAddress: string;
}

interface AskedSession {
  readonly path: string;
  readonly bearer: string | undefined;
  readonly peerAddress: string;
}

interface Http3Headers {
  readonly ":path"?: string;
  readonly origin?: string;
  readonly authorization?: string;
  /** A list, or the header itself where it could not be read. */
  readonly "wt-available-protocols"?: readonly string[] | string;
}

interface Http3Opened {
  readonly session: PackageSession;
  readonly userData: { readonly attach: (native: PackageSession) => void };
}

function offeredProtocols(header: readonly string[] | string | undefined): readonly string[] {
  return Array.isArray(header) ? header : [];
}

/** Long header of type Initial (RFC 9000 §17.2): two bits set, then the type in the next two. */
function isInitial(packet: Uint8Array): boolean {
  return ((packet[0] ?? 0) & 0b1111_0000) === 0b1100_0000;
}
