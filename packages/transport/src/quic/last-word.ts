import type { NativeHostPort } from "./native.ts";

/**
 * The engine forgets a closed connection after three of its probe timeouts, which on a short path are over before
 * the peer's acknowledgements, delayed by up to 25 ms, have come.
 */
const MIN_ANSWERED_MS = 200;

/** The part of the socket's side that a repeated packet needs. */
export interface LastWordSender {
  readonly packetBuffer: Uint8Array;
  sendPacket(length: number, to: NativeHostPort): void;
}

/**
 * The packet with our CONNECTION_CLOSE. The engine sends it once; if it is lost, the peer goes on talking, and is
 * told again by the very same packet, which RFC 9000 §10.2.1 allows. The answers grow rarer (after 1, 2, 4, 8 …
 * packets), so that two ends that both close cannot keep each other busy.
 */
export class LastWord {
  /** As long as this the connection is kept, so that the peer is not answered as a stranger. */
  readonly untilMs: number;
  readonly #packet: Uint8Array;
  readonly #to: NativeHostPort;
  #heard = 0;

  /** `packet` is copied. */
  constructor(options: { packet: Uint8Array; to: NativeHostPort; nowMs: number }) {
    this.untilMs = options.nowMs + MIN_ANSWERED_MS;
    this.#packet = Uint8Array.from(options.packet);
    this.#to = options.to;
  }

  /** The peer has sent another packet. */
  repeat(sender: LastWordSender): void {
    this.#heard += 1;
    if ((this.#heard & (this.#heard - 1)) !== 0) return;
    sender.packetBuffer.set(this.#packet);
    sender.sendPacket(this.#packet.length, this.#to);
  }
}
