import type { NativeConnection, NativeHostPort, NativePathEvent, NativeRecvInfo } from "./native.ts";
import type { QuicCounters } from "./quic-counters.ts";

/** Where the peer's packets come from, which may change under a live connection (RFC 9000 §9). */
export class PeerPath {
  address: string;
  port: number;
  recvInfo: NativeRecvInfo;
  /** The engine may have something to tell of its paths. */
  changed = false;

  constructor(remote: { readonly address: string; readonly port: number }, local: NativeHostPort) {
    this.address = remote.address;
    this.port = remote.port;
    this.recvInfo = { from: { host: remote.address, port: remote.port }, to: local };
  }

  /** A packet came from elsewhere. */
  move(address: string, port: number): void {
    this.address = address;
    this.port = port;
    this.recvInfo = { from: { host: address, port }, to: this.recvInfo.to };
    this.changed = true;
  }

  /** Reads what the engine tells; it is asked again with further packets as long as a path is new. */
  follow(native: NativeConnection, counters: QuicCounters): void {
    this.changed = false;
    for (;;) {
      // The binding's declaration leaves out that there may be none.
      const event = native.pathEventNext() as NativePathEvent | null;
      if (event === null) return;
      if (event.type === "PeerMigrated") counters.migrations += 1;
      // A path is validated some packets later.
      if (event.type === "New" || event.type === "ReusedSourceConnectionId") this.changed = true;
    }
  }
}
