/** Why a UDP packet was thrown away before any connection saw it. */
export type DropReason =
  | "malformed"
  | "unknown-connection"
  | "short-initial"
  | "invalid-token"
  | "rate-limited"
  | "handshake-limit"
  | "session-limit"
  | "address-limit"
  | "closing"
  | "socket-backlog";

/**
 * Plain numbers that only grow, except for the three gauges. The owner of the node's metrics reads them; nothing
 * here is allocated per packet.
 */
export interface QuicCounters {
  packetsReceived: number;
  packetsSent: number;
  bytesReceived: number;
  bytesSent: number;
  packetsDropped: Record<DropReason, number>;
  versionNegotiations: number;
  retries: number;
  statelessResets: number;
  handshakesStarted: number;
  handshakesCompleted: number;
  handshakesFailed: number;
  handshakeTimeouts: number;
  /** Sessions that the owner's `onRequest` refused, or that asked for something the server does not offer. */
  sessionsRejected: number;
  sessionsOpened: number;
  sessionsClosed: number;
  idleTimeouts: number;
  /** Sessions closed because more than `maxSessionBufferBytes` waited to be sent. */
  overflowCloses: number;
  /** Connections closed because the peer broke QUIC or HTTP/3. */
  protocolErrors: number;
  /** A handler threw; its connection was closed. */
  handlerErrors: number;
  datagramsDropped: number;
  streamsOpened: number;
  streamsAccepted: number;
  migrations: number;
  flushes: number;
  /** Gauge: connections whose handshake is not complete. */
  handshakes: number;
  /** Gauge: open sessions. */
  sessions: number;
  /** Gauge: connections in any state, also those that are draining. */
  connections: number;
}

export function createQuicCounters(): QuicCounters {
  return {
    packetsReceived: 0,
    packetsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    packetsDropped: {
      malformed: 0,
      "unknown-connection": 0,
      "short-initial": 0,
      "invalid-token": 0,
      "rate-limited": 0,
      "handshake-limit": 0,
      "session-limit": 0,
      "address-limit": 0,
      closing: 0,
      "socket-backlog": 0,
    },
    versionNegotiations: 0,
    retries: 0,
    statelessResets: 0,
    handshakesStarted: 0,
    handshakesCompleted: 0,
    handshakesFailed: 0,
    handshakeTimeouts: 0,
    sessionsRejected: 0,
    sessionsOpened: 0,
    sessionsClosed: 0,
    idleTimeouts: 0,
    overflowCloses: 0,
    protocolErrors: 0,
    handlerErrors: 0,
    datagramsDropped: 0,
    streamsOpened: 0,
    streamsAccepted: 0,
    migrations: 0,
    flushes: 0,
    handshakes: 0,
    sessions: 0,
    connections: 0,
  };
}
