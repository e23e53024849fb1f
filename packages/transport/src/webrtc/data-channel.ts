import type { NativeDataChannel } from "./native.ts";
import type { WebRtcDataChannel } from "./webrtc-peer.ts";

/** A data channel that the other side opened. */
export class PeerDataChannel implements WebRtcDataChannel {
  readonly label: string;
  onMessage: ((message: string | Uint8Array) => void) | undefined;
  readonly #native: NativeDataChannel;
  readonly #maxBufferBytes: number;
  #closed = false;

  constructor(
    native: NativeDataChannel,
    options: { readonly maxBufferBytes: number; readonly guard: (run: () => void) => void },
  ) {
    this.#native = native;
    this.#maxBufferBytes = options.maxBufferBytes;
    this.label = native.getLabel();
    native.onMessage((message) => {
      const { onMessage } = this;
      if (this.#closed || onMessage === undefined) return;
      const taken = typeof message === "string" ? message : new Uint8Array(message);
      options.guard(() => onMessage(taken));
    });
    native.onClosed(() => {
      this.#closed = true;
    });
    // Without a callback an error would be printed by the library.
    native.onError(() => {});
  }

  get open(): boolean {
    return !this.#closed && this.#native.isOpen();
  }

  send(message: string | Uint8Array): boolean {
    const bytes = typeof message === "string" ? message.length : message.byteLength;
    try {
      if (!this.open || this.#native.bufferedAmount() + bytes > this.#maxBufferBytes) return false;
      if (typeof message === "string") this.#native.sendMessage(message);
      else this.#native.sendMessageBinary(message);
      // The library answers false for "taken, but it waits in the buffer".
      return true;
    } catch {
      // Closed by the other side between the question and the call.
      return false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#native.close();
    } catch {
      // Gone already.
    }
  }
}
