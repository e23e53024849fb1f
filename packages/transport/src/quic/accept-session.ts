import { randomInt } from "node:crypto";
import type { Session, SessionClose, SessionDecision, SessionServerHandler } from "../session.ts";
import type { ConnectionHandler } from "./connection-handler.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { QuicCounters } from "./quic-counters.ts";
import { formatAddress, RawSession } from "./raw-session.ts";

/** RFC 9000 §20.1 CONNECTION_REFUSED. */
const CONNECTION_REFUSED = 2;
const MAX_SESSION_ID = 2 ** 48 - 1;

/** Random, so that it is unique among all endpoints of the process without shared state. */
export function createSessionId(): number {
  return randomInt(1, MAX_SESSION_ID);
}

export interface SessionAcceptorDeps {
  readonly handler: SessionServerHandler;
  readonly counters: QuicCounters;
  /** Takes over a connection that negotiated HTTP/3. */
  readonly serveHttp3: (connection: QuicConnection) => void;
  /** The handshake is complete, or the connection ended in it. */
  readonly onHandshakeOver: (connection: QuicConnection) => void;
}

/** Waits for a server connection's handshake, then makes a raw session of it or hands it to HTTP/3. */
export class SessionAcceptor implements ConnectionHandler {
  readonly accepting = false;
  readonly #connection: QuicConnection;
  readonly #deps: SessionAcceptorDeps;

  constructor(connection: QuicConnection, deps: SessionAcceptorDeps) {
    this.#connection = connection;
    this.#deps = deps;
  }

  onEstablished(): void {
    const connection = this.#connection;
    this.#deps.onHandshakeOver(connection);
    const protocol = new TextDecoder().decode(connection.native.applicationProto());
    if (protocol === "h3") {
      this.#deps.serveHttp3(connection);
      return;
    }
    const decide = once((decision: SessionDecision) => this.#decided(protocol, decision));
    const decision = this.#deps.handler.onRequest(
      {
        kind: "quic",
        remoteAddress: formatAddress(connection),
        path: "",
        origin: undefined,
        protocols: [protocol],
      },
      decide,
    );
    if (decision !== undefined) decide(decision);
  }

  #decided(protocol: string, decision: SessionDecision): void {
    const connection = this.#connection;
    if (connection.closed) return;
    if (!decision.accept) {
      this.#deps.counters.sessionsRejected += 1;
      connection.closeTransport(decision.reason, CONNECTION_REFUSED);
      return;
    }
    const onEnd = countSession(this.#deps.counters);
    const session = new RawSession({ id: createSessionId(), protocol }, { connection, onEnd });
    connection.handler = session;
    this.#deps.handler.onSession(session satisfies Session);
  }

  onStream(): void {
    // The engine delivers no streams before the handshake is complete.
  }

  onDatagram(): void {
    // Nor datagrams.
  }

  onStreamsAvailable(): void {
    // Nothing was opened yet.
  }

  onClosed(_close: SessionClose): void {
    // The connection has counted a failed handshake.
    this.#deps.onHandshakeOver(this.#connection);
  }
}

/** A decision stands: a second one is not heard. */
export function once<T>(call: (value: T) => void): (value: T) => void {
  let done = false;
  return (value) => {
    if (done) return;
    done = true;
    call(value);
  };
}

/** Counts a session that opens now; the result counts its end. */
export function countSession(counters: QuicCounters): () => void {
  counters.sessionsOpened += 1;
  counters.sessions += 1;
  return () => {
    counters.sessions -= 1;
    counters.sessionsClosed += 1;
  };
}
