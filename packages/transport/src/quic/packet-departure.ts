import { LastWord } from "./last-word.ts";
import type { NativeConnection } from "./native.ts";
import type { PacketSender } from "./packet-sender.ts";

/** Packets of one connection per flush, so that one fat sender does not starve the others. */
const MAX_PACKETS_PER_FLUSH = 128;

/** Takes packets from the engine to the socket. */
export class PacketDeparture {
  readonly #native: NativeConnection;
  readonly #sender: PacketSender;
  /** The packet that closed the connection, to be repeated to a peer that has not heard it. */
  lastWord: LastWord | undefined;

  constructor(native: NativeConnection, sender: PacketSender) {
    this.#native = native;
    this.#sender = sender;
  }

  /** True if more waits than one flush may send. `isClosing`: this side closes a connection that was up. */
  run(nowMs: number, isClosing: boolean): boolean {
    const sender = this.#sender;
    for (let sent = 0; sent < MAX_PACKETS_PER_FLUSH; sent += 1) {
      let result: ReturnType<NativeConnection["send"]>;
      try {
        result = this.#native.send(sender.packetBuffer);
      } catch {
        return false;
      }
      if (result === null) return false;
      if (isClosing && this.#native.isDraining()) {
        const packet = sender.packetBuffer.subarray(0, result[0]);
        this.lastWord = new LastWord({ packet, to: result[1].to, nowMs });
      }
      sender.sendPacket(result[0], result[1].to);
    }
    return true;
  }

  /** A packet came after the last word: true if that is all there is to say. */
  repeat(): boolean {
    if (this.lastWord === undefined) return false;
    this.lastWord.repeat(this.#sender);
    return true;
  }
}
