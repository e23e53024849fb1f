import type { ConnectionHandler } from "./connection-handler.ts";
import type { PacketSender } from "./packet-sender.ts";
import type { QuicCounters } from "./quic-counters.ts";
import { QuicStream, type StreamOwner } from "./quic-stream.ts";

/** What the reader has to know of its connection. */
export interface ReadConnection extends StreamOwner {
  readonly server: boolean;
  readonly handler: ConnectionHandler | undefined;
  /** The connection is about to end: no stream is taken any more. */
  readonly windingDown: boolean;
}

export interface ConnectionReaderDeps {
  readonly connection: ReadConnection;
  /** All streams of the connection; those that the peer opens are added. */
  readonly streams: Map<number, QuicStream>;
  readonly sender: PacketSender;
  readonly counters: QuicCounters;
}

/** Takes from the engine what the peer sent, and gives it to the streams and to the connection's handler. */
export class ConnectionReader {
  /** Streams with bytes that were read from the engine already and can now be delivered. */
  unread: QuicStream[] = [];
  readonly #connection: ReadConnection;
  readonly #streams: Map<number, QuicStream>;
  readonly #sender: PacketSender;
  readonly #counters: QuicCounters;

  constructor(deps: ConnectionReaderDeps) {
    this.#connection = deps.connection;
    this.#streams = deps.streams;
    this.#sender = deps.sender;
    this.#counters = deps.counters;
  }

  deliverUnread(): void {
    const streams = this.unread;
    this.unread = [];
    for (const stream of streams) {
      stream.read(this.#sender.readBuffer);
      if (this.#connection.closed) return;
    }
  }

  /** Reads the streams, then the datagrams, as long as the handler takes them. */
  read(): void {
    const connection = this.#connection;
    const { native } = connection;
    const buffer = this.#sender.readBuffer;
    for (const id of native.readable()) {
      if (connection.handler?.accepting !== true) break;
      const stream = this.#streams.get(id) ?? this.#accept(id);
      stream?.read(buffer);
      if (connection.closed) return;
    }
    while (!connection.closed && native.dgramRecvQueueLen() > 0) {
      const length = native.dgramRecv(buffer);
      if (length === null) return;
      connection.handler?.onDatagram(buffer.subarray(0, length));
    }
  }

  #accept(id: number): QuicStream | undefined {
    const connection = this.#connection;
    // Bit 0: opened by the server; bit 1: unidirectional (RFC 9000 §2.1).
    if (((id & 1) === 1) === connection.server || connection.windingDown) return undefined;
    const bidirectional = (id & 2) === 0;
    const stream = new QuicStream({ id, sends: bidirectional, receives: true, priority: 128 }, connection);
    this.#streams.set(id, stream);
    this.#counters.streamsAccepted += 1;
    connection.handler?.onStream(stream, bidirectional);
    return stream;
  }
}
