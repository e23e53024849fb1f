import type { ReceiveStreamHandler } from "../session.ts";

/** Written over delivered bytes after the call, so that a receiver that keeps the view is found out. */
const POISON = 0xdb;

export function poison(bytes: Uint8Array): void {
  bytes.fill(POISON);
}

/** Hands bytes over the way real providers do: in a buffer that is used again after the call. */
export class ScratchDelivery {
  #scratch = new Uint8Array(0);

  deliver(receiver: ReceiveStreamHandler, bytes: Uint8Array, fin: boolean): void {
    if (this.#scratch.length < bytes.length) {
      this.#scratch = new Uint8Array(bytes.length);
    }
    const view = this.#scratch.subarray(0, bytes.length);
    view.set(bytes);
    receiver.onData(view, fin);
    poison(view);
  }
}
