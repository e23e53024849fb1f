import type {
  BidiStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
  SessionStats,
} from "../session.ts";
import { encodeReason } from "./close-reason.ts";
import type { ConnectionHandler } from "./connection-handler.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { QuicStream } from "./quic-stream.ts";

const DEFAULT_PRIORITY = 128;

export interface RawSessionOptions {
  readonly id: number;
  /** The negotiated ALPN token. */
  readonly protocol: string;
}

/** A session straight on a QUIC connection: its streams and datagrams are the connection's. */
export class RawSession implements Session, ConnectionHandler {
  readonly id: number;
  readonly kind = "quic";
  readonly protocol: string;
  readonly path = "";
  readonly remoteAddress: string;
  #handler: SessionHandler | undefined;
  /** The connection ended before anybody was there to be told. */
  #untoldClose: SessionClose | undefined;
  readonly #connection: QuicConnection;
  readonly #onEnd: () => void;

  constructor(options: RawSessionOptions, deps: { connection: QuicConnection; onEnd: () => void }) {
    this.id = options.id;
    this.protocol = options.protocol;
    this.#connection = deps.connection;
    this.#onEnd = deps.onEnd;
    this.remoteAddress = formatAddress(deps.connection);
    deps.connection.sessionOpen = true;
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    const close = this.#untoldClose;
    if (handler === undefined) return;
    if (close === undefined) {
      this.#connection.queueRead();
      return;
    }
    this.#untoldClose = undefined;
    setImmediate(() => handler.onClose(close));
  }

  get accepting(): boolean {
    return this.#handler !== undefined;
  }

  get maxDatagramBytes(): number {
    return this.#connection.maxDatagramBytes;
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  openUni(priority = DEFAULT_PRIORITY): SendStream | undefined {
    return this.#connection.openStream(false, priority);
  }

  openBidi(priority = DEFAULT_PRIORITY): BidiStream | undefined {
    return this.#connection.openStream(true, priority);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    return this.#connection.sendDatagram(bytes);
  }

  stats(): SessionStats {
    return this.#connection.stats();
  }

  ping(): void {
    this.#connection.ping();
  }

  close(code: number, reason: string): void {
    const bytes = encodeReason(reason);
    this.#connection.close(code, bytes, { code, reason: new TextDecoder().decode(bytes), remote: false });
  }

  shutDown(): void {
    this.close(0, "server closed");
  }

  onEstablished(): void {
    // The session exists only after the handshake.
  }

  onStream(stream: QuicStream, bidirectional: boolean): void {
    if (bidirectional) this.#handler?.onBidiStream(stream);
    else this.#handler?.onUniStream(stream);
  }

  onDatagram(bytes: Uint8Array): void {
    this.#handler?.onDatagram(bytes);
  }

  onStreamsAvailable(): void {
    this.#handler?.onStreamsAvailable();
  }

  onClosed(close: SessionClose): void {
    this.#onEnd();
    if (this.#handler === undefined) this.#untoldClose = close;
    else this.#handler.onClose(close);
  }
}

/** `ip:port`, with brackets around IPv6. */
export function formatAddress(connection: QuicConnection): string {
  const { remoteAddress, remotePort } = connection;
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
