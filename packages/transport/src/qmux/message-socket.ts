/** What carries the records of a session: a WebSocket, of a server, a client or a browser. */
export interface MessageSocket {
  /** Bytes before each record that are left for the socket's own header, at most 4. */
  readonly headroomBytes: number;
  /** The socket tells that it has room again only if it held this many bytes; less must not hold a sender back. */
  readonly drainBytes: number;
  /** Bytes that were sent and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** What follows until `uncork` leaves in as few writes as possible. */
  cork(): void;
  uncork(): void;
  /**
   * Sends one binary message. The first piece begins with the headroom; the pieces are not copied and are never
   * changed afterwards.
   */
  send(pieces: readonly Uint8Array[], recordBytes: number): void;
  /** Keeps an idle connection alive where QMux has no PING of its own. */
  ping(): void;
  /** Closes after what was sent, with a WebSocket status code. */
  close(status: number, reason: string): void;
}
