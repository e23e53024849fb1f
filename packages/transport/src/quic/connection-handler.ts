import type { SessionClose } from "../session.ts";
import type { QuicStream } from "./quic-stream.ts";

/** The layer on top of a connection: a raw session or HTTP/3. */
export interface ConnectionHandler {
  /** False while streams and datagrams must wait in the engine, because nobody is there to take them. */
  readonly accepting: boolean;
  /** The handshake is complete and, on a client, the certificate is accepted. */
  onEstablished(): void;
  /** The peer opened a stream. */
  onStream(stream: QuicStream, bidirectional: boolean): void;
  onDatagram(bytes: Uint8Array): void;
  onStreamsAvailable(): void;
  /** The endpoint closes; without it the connection is closed by the transport. */
  shutDown?(): void;
  /** Called once, also if the handshake never completed. */
  onClosed(close: SessionClose): void;
}
