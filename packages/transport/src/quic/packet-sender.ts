import type { NativeHostPort } from "./native.ts";
import type { QuicConnection } from "./quic-connection.ts";

/** The socket side of a connection. */
export interface PacketSender {
  /** Where the next packet goes; another one after every `sendPacket`. */
  readonly packetBuffer: Uint8Array;
  readonly readBuffer: Uint8Array;
  sendPacket(length: number, to: NativeHostPort): void;
  /** New connection IDs can be handed out, and retired ones forgotten. */
  syncConnectionIds(connection: QuicConnection): void;
  removeConnection(connection: QuicConnection): void;
}
