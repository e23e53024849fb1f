import type { RemoteInfo, Socket } from "node:dgram";
import { connectionIdKey, createConnectionId, destinationKey, type ResetTokens } from "./connection-id.ts";
import type { NativeHostPort } from "./native.ts";
import type { PacketSender } from "./packet-sender.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { QuicCounters } from "./quic-counters.ts";
import type { QuicLoop } from "./quic-loop.ts";

/** Holds the largest UDP payload of every usual path. */
const PACKET_BYTES = 2_048;
/** Packet buffers that take turns, so that the kernel is asked once per round whether it has taken them all. */
const PACKET_BUFFERS = 8;
/** What one read of a stream takes at most. */
const READ_BYTES = 65_536;
/** Packets that the kernel has not taken yet; above it packets are lost, as on any full link. */
const MAX_SOCKET_BACKLOG = 4_096;

export interface QuicEndpointDeps {
  readonly socket: Socket;
  readonly loop: QuicLoop;
  readonly counters: QuicCounters;
  readonly resetTokens: ResetTokens;
  /** A packet whose connection ID is not known. */
  readonly onUnknownPacket: (packet: Buffer, remote: RemoteInfo) => void;
  readonly onConnectionRemoved?: (connection: QuicConnection) => void;
  /** The socket failed, for instance because a connected peer's port is closed. */
  readonly onSocketError: (error: Error) => void;
}

/** One UDP socket and the connections behind it, found by connection ID and never by address. */
export class QuicEndpoint implements PacketSender {
  readonly readBuffer = new Uint8Array(READ_BYTES);
  readonly local: NativeHostPort;
  packetBuffer: Buffer;
  #packetBuffers = createPacketBuffers();
  #packetTurn = 0;
  readonly #deps: QuicEndpointDeps;
  readonly #routes = new Map<string, QuicConnection>();
  readonly #connections = new Set<QuicConnection>();
  #socket: Socket;
  /** The socket is connect()ed: packets carry no address. */
  #connected = false;
  #closed = false;

  constructor(deps: QuicEndpointDeps) {
    this.#deps = deps;
    this.packetBuffer = this.#nextBuffer();
    this.#socket = deps.socket;
    const { address, port } = deps.socket.address();
    this.local = { host: address, port };
    this.#attach(deps.socket);
    deps.loop.join();
  }

  get connections(): ReadonlySet<QuicConnection> {
    return this.#connections;
  }

  addConnection(connection: QuicConnection, ids: readonly Uint8Array[]): void {
    this.#connections.add(connection);
    this.#deps.counters.connections += 1;
    for (const id of ids) this.#route(connection, id);
  }

  removeConnection(connection: QuicConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#deps.counters.connections -= 1;
    for (const key of connection.idKeys) this.#routes.delete(key);
    connection.idKeys.length = 0;
    this.#deps.onConnectionRemoved?.(connection);
  }

  syncConnectionIds(connection: QuicConnection): void {
    const { native } = connection;
    for (;;) {
      const retired = native.retiredScidNext();
      if (retired === null) break;
      this.#unroute(connection, connectionIdKey(retired));
    }
    while (native.sourceCidsLeft() > 0) {
      const id = createConnectionId();
      try {
        native.newSourceCid(id, this.#deps.resetTokens.numberOf(id), false);
      } catch {
        return;
      }
      this.#route(connection, id);
    }
  }

  sendPacket(length: number, to: NativeHostPort): void {
    const { counters } = this.#deps;
    if (this.#closed) return;
    if (this.#connected) this.#socket.send(this.packetBuffer, 0, length);
    else this.#socket.send(this.packetBuffer, 0, length, to.port, to.host);
    counters.packetsSent += 1;
    counters.bytesSent += length;
    if (this.#packetTurn === PACKET_BUFFERS) this.#startRound();
    this.packetBuffer = this.#nextBuffer();
  }

  /** Usually the kernel has taken all packets already, and their buffers are free again. */
  #startRound(): void {
    this.#packetTurn = 0;
    const backlog = this.#socket.getSendQueueCount();
    if (backlog === 0) return;
    this.#packetBuffers = createPacketBuffers();
    if (backlog > MAX_SOCKET_BACKLOG) this.#deps.counters.packetsDropped["socket-backlog"] += 1;
  }

  #nextBuffer(): Buffer {
    const buffer = this.#packetBuffers[this.#packetTurn] ?? Buffer.allocUnsafeSlow(PACKET_BYTES);
    this.#packetTurn += 1;
    return buffer;
  }

  /** Sends a packet that belongs to no connection. */
  sendDetached(packet: Uint8Array, address: string, port: number): void {
    if (this.#closed || this.#socket.getSendQueueCount() > MAX_SOCKET_BACKLOG) return;
    this.#socket.send(packet, port, address);
    this.#deps.counters.packetsSent += 1;
    this.#deps.counters.bytesSent += packet.length;
  }

  /** From now on the socket only talks to its connected peer. */
  markConnected(): void {
    this.#connected = true;
  }

  /** Goes on with another socket, as after a change of network. The old one is closed. */
  replaceSocket(socket: Socket, connected: boolean): void {
    const old = this.#socket;
    this.#socket = socket;
    this.#connected = connected;
    this.#attach(socket);
    old.removeAllListeners();
    old.close();
  }

  /** Closes the socket at once; connections must have said their last word before. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.abandon("endpoint closed");
    this.#routes.clear();
    this.#socket.removeAllListeners();
    this.#socket.close();
    this.#deps.loop.leave();
  }

  #attach(socket: Socket): void {
    socket.on("message", (packet, remote) => this.#onPacket(packet, remote));
    socket.on("error", (error) => this.#deps.onSocketError(error));
  }

  #onPacket(packet: Buffer, remote: RemoteInfo): void {
    const { counters } = this.#deps;
    counters.packetsReceived += 1;
    counters.bytesReceived += packet.length;
    // Port 0 is that of a sender who wants no answer (RFC 768): a socket throws when it is to send there.
    const key = remote.port === 0 ? undefined : destinationKey(packet);
    if (key === undefined) {
      counters.packetsDropped.malformed += 1;
      return;
    }
    const connection = this.#routes.get(key);
    if (connection === undefined) this.#deps.onUnknownPacket(packet, remote);
    else connection.receive(packet, remote.address, remote.port);
  }

  #route(connection: QuicConnection, id: Uint8Array): void {
    const key = connectionIdKey(id);
    connection.idKeys.push(key);
    this.#routes.set(key, connection);
  }

  #unroute(connection: QuicConnection, key: string): void {
    const index = connection.idKeys.indexOf(key);
    if (index < 0) return;
    connection.idKeys.splice(index, 1);
    this.#routes.delete(key);
  }
}

function createPacketBuffers(): Buffer[] {
  return Array.from({ length: PACKET_BUFFERS }, () => Buffer.allocUnsafeSlow(PACKET_BYTES));
}
