import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import type { Session, SessionClose } from "../session.ts";
import { countSession, createSessionId } from "./accept-session.ts";
import type { ConnectionHandler } from "./connection-handler.ts";
import { createConnectionId, ResetTokens } from "./connection-id.ts";
import { connectWebTransport } from "./h3/connect-http3.ts";
import type { QuicDeps } from "./listen-quic.ts";
import { loadQuiche, type NativeConnection } from "./native.ts";
import { QuicConnection } from "./quic-connection.ts";
import { createQuicCounters, type QuicCounters } from "./quic-counters.ts";
import { QuicEndpoint } from "./quic-endpoint.ts";
import { QuicError } from "./quic-error.ts";
import { DEFAULT_TRANSPORT, type QuicTransportOptions } from "./quic-limits.ts";
import { QuicLoop } from "./quic-loop.ts";
import { certificateProblem, createClientConfig, type QuicVerify, tlsServerName } from "./quic-tls.ts";
import { RawSession } from "./raw-session.ts";
import { bindUdpSocket, connectUdpSocket } from "./udp-socket.ts";

/** TLS alert 120 (no_application_protocol) as a QUIC error code. */
const NO_APPLICATION_PROTOCOL = 0x178;
/** TLS alerts 42 to 48 concern the certificate. */
const BAD_CERTIFICATE_MIN = 0x12a;
const BAD_CERTIFICATE_MAX = 0x130;
const BAD_CERTIFICATE = 0x12a;

export interface ConnectQuicOptions {
  /** Name or IP address of the server. */
  readonly host: string;
  readonly port: number;
  /** Name for SNI and the certificate; `host` by default. */
  readonly serverName?: string;
  /** Raw QUIC: ALPN tokens. WebTransport: subprotocols. In order of preference. */
  readonly alpn: readonly string[];
  readonly verify: QuicVerify;
  /** Path and query; its presence makes it a WebTransport session over HTTP/3. */
  readonly webtransportPath?: string;
  /** Value of the `origin` header of a WebTransport session. */
  readonly origin?: string;
  readonly transport?: Partial<QuicTransportOptions>;
}

/** A client's session; the socket behind it closes with it. */
export interface QuicClientSession extends Session {
  /**
   * Goes on from a new local port, as after a change of network: the server sees the same connection from
   * another address and validates the path.
   */
  rebind(): Promise<void>;
}

/**
 * Connects and completes the handshake. Rejects with QuicError: `connection-refused`, `handshake-timeout`,
 * `handshake-failed`, `certificate-mismatch`, `protocol-mismatch`, `session-rejected`, `resolve-failed`,
 * `socket-failed`, `aborted`.
 */
export async function connectQuic(options: ConnectQuicOptions, deps: QuicDeps): Promise<QuicClientSession> {
  deps.signal?.throwIfAborted();
  const quiche = await loadQuiche();
  const transport = { ...DEFAULT_TRANSPORT, ...options.transport };
  const alpn = options.webtransportPath === undefined ? options.alpn : ["h3"];
  const config = createClientConfig(quiche, options.verify, alpn, transport);
  const { address, family } = await resolveHost(options.host);
  const localHost = family === 6 ? "::" : "0.0.0.0";
  const openSocket = async () => {
    const socket = await bindUdpSocket({
      host: localHost,
      port: 0,
      bufferBytes: transport.socketBufferBytes,
    });
    await connectUdpSocket(socket, address, options.port);
    return socket;
  };
  const counters = deps.counters ?? createQuicCounters();
  const loop = deps.loop ?? new QuicLoop();
  const socket = await openSocket();
  if (deps.signal?.aborted === true) {
    // Meanwhile: its event does not come any more.
    socket.close();
    deps.signal.throwIfAborted();
  }
  let connection: QuicConnection | undefined;
  const endpoint: QuicEndpoint = new QuicEndpoint({
    socket,
    loop,
    counters,
    resetTokens: new ResetTokens(randomBytes(32)),
    // Packets that were under way while the peer restarts are refused as well; the engine cannot know.
    onSocketError: (error) => connection?.abandon(`socket: ${error.message}`),
    // There is one connection, and a stateless reset looks like a packet for somebody else.
    onUnknownPacket: (packet, from) => connection?.receive(packet, from.address, from.port),
    onConnectionRemoved: () => setImmediate(() => endpoint.close()),
  });
  endpoint.markConnected();
  const id = createConnectionId();
  const remote = { host: address, port: options.port };
  let native: NativeConnection;
  try {
    const name = tlsServerName(options.host, options.serverName);
    native = quiche.Connection.connect(name ?? null, id, endpoint.local, remote, config);
  } catch (cause) {
    endpoint.close();
    throw new QuicError("invalid-options", "the engine refuses to connect", { cause });
  }
  const opened = new QuicConnection(
    { server: false, remote: { address, port: options.port }, local: endpoint.local, transport },
    {
      native,
      loop,
      sender: endpoint,
      counters,
      onHandlerError: (error) => deps.logger.warn({ err: error }, "a session handler failed; it is closed"),
    },
  );
  connection = opened;
  counters.handshakesStarted += 1;
  counters.handshakes += 1;
  endpoint.addConnection(opened, [id]);
  const abort = (): void => opened.shutDown();
  deps.signal?.addEventListener("abort", abort, { once: true });
  const onOpen = (): (() => void) => {
    const onEnd = countSession(counters);
    return () => {
      deps.signal?.removeEventListener("abort", abort);
      onEnd();
    };
  };
  const openSession = (): Session | Promise<Session> => openClientSession(opened, options, counters, onOpen);
  try {
    const session = await new Promise<Session>((resolve, reject) => {
      opened.handler = new ClientHandshake({ connection: opened, options, openSession, resolve, reject });
      opened.start();
    });
    const rebind = async (): Promise<void> => endpoint.replaceSocket(await openSocket(), true);
    return Object.assign(session, { rebind });
  } catch (error) {
    deps.signal?.removeEventListener("abort", abort);
    deps.signal?.throwIfAborted();
    throw error;
  }
}

/** Makes a session of an established connection; must not wait, or the first streams would find nobody. */
function openClientSession(
  connection: QuicConnection,
  options: ConnectQuicOptions,
  counters: QuicCounters,
  onOpen: () => () => void,
): Session | Promise<Session> {
  const { webtransportPath, serverName, host, port, origin, alpn } = options;
  if (webtransportPath !== undefined) {
    const authority = `${serverName ?? (host.includes(":") ? `[${host}]` : host)}:${port}`;
    const request = { authority, path: webtransportPath, origin, protocols: alpn };
    return connectWebTransport(connection, request, { counters, onOpen });
  }
  const protocol = new TextDecoder().decode(connection.native.applicationProto());
  const session = new RawSession({ id: createSessionId(), protocol }, { connection, onEnd: onOpen() });
  connection.handler = session;
  return session;
}

async function resolveHost(host: string): Promise<{ address: string; family: number }> {
  try {
    return await lookup(host);
  } catch (cause) {
    throw new QuicError("resolve-failed", `cannot resolve ${host}`, { cause });
  }
}

interface ClientHandshakeDeps {
  readonly connection: QuicConnection;
  readonly options: ConnectQuicOptions;
  readonly openSession: () => Session | Promise<Session>;
  readonly resolve: (session: Session | Promise<Session>) => void;
  readonly reject: (error: QuicError) => void;
}

/** Holds a client connection until its handshake is complete and its certificate accepted. */
class ClientHandshake implements ConnectionHandler {
  readonly accepting = false;
  readonly #deps: ClientHandshakeDeps;

  constructor(deps: ClientHandshakeDeps) {
    this.#deps = deps;
  }

  onEstablished(): void {
    const { connection, options, openSession, resolve, reject } = this.#deps;
    const { verify, serverName, host } = options;
    const problem = certificateProblem(connection.native, verify, serverName ?? host);
    if (problem === undefined) {
      resolve(openSession());
      return;
    }
    reject(new QuicError("certificate-mismatch", problem));
    connection.closeTransport(problem, BAD_CERTIFICATE);
  }

  onStream(): void {
    // Streams wait in the engine until the session takes over.
  }

  onDatagram(): void {
    // A datagram that comes before there is a session is lost, as datagrams may be.
  }

  onStreamsAvailable(): void {
    // Nothing was opened yet.
  }

  onClosed(close: SessionClose): void {
    const { native } = this.#deps.connection;
    const peerCode = native.peerError()?.errorCode;
    const code = native.localError()?.errorCode ?? peerCode;
    this.#deps.reject(
      new QuicError(failureCode(close, code), close.reason, peerCode === undefined ? {} : { peerCode }),
    );
  }
}

function failureCode(close: SessionClose, code: number | undefined): QuicError["code"] {
  if (close.reason.startsWith("socket:")) return "connection-refused";
  if (close.reason === "handshake timeout" || close.reason === "idle timeout") return "handshake-timeout";
  if (code === NO_APPLICATION_PROTOCOL) return "protocol-mismatch";
  if (code === 2) return "connection-refused";
  if (code !== undefined && code >= BAD_CERTIFICATE_MIN && code <= BAD_CERTIFICATE_MAX) {
    return "certificate-mismatch";
  }
  return "handshake-failed";
}
