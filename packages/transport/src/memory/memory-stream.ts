import type { BidiStream, ReceiveStreamHandler, SendStreamHandler } from "../session.ts";
import type { ReceiveHalf } from "./receive-half.ts";
import type { SendHalf } from "./send-half.ts";

/** What a stream asks of its session. */
export interface MemoryStreamDeps {
  readonly isSessionClosed: () => boolean;
  /** Bytes, FIN or a new priority wait: look at the streams at the next turn of the clock. */
  readonly onSendWork: (addedBytes: number) => void;
  readonly onReceiveWork: (stream: MemoryStream) => void;
  readonly sendReset: (stream: MemoryStream, code: number) => void;
  readonly sendStop: (stream: MemoryStream, code: number) => void;
}

/** A stream of the memory transport. Unidirectional ones have one half only. */
export class MemoryStream implements BidiStream {
  readonly id: number;
  readonly sending: SendHalf | undefined;
  readonly receiving: ReceiveHalf | undefined;
  readonly #deps: MemoryStreamDeps;

  constructor(
    id: number,
    halves: { readonly sending: SendHalf | undefined; readonly receiving: ReceiveHalf | undefined },
    deps: MemoryStreamDeps,
  ) {
    this.id = id;
    this.sending = halves.sending;
    this.receiving = halves.receiving;
    this.#deps = deps;
  }

  get over(): boolean {
    return this.sending?.done !== false && this.receiving?.done !== false;
  }

  get handler(): SendStreamHandler | undefined {
    return this.sending?.handler;
  }

  set handler(handler: SendStreamHandler | undefined) {
    if (this.sending !== undefined) {
      this.sending.handler = handler;
    }
  }

  get bufferedBytes(): number {
    return this.sending?.bufferedBytes ?? 0;
  }

  write(bytes: Uint8Array): boolean {
    const half = this.sending;
    if (half === undefined || !half.open || this.#deps.isSessionClosed()) {
      return true;
    }
    const belowHighWater = half.write(bytes);
    this.#deps.onSendWork(bytes.length);
    return belowHighWater;
  }

  finish(): void {
    const half = this.sending;
    if (half?.open && !this.#deps.isSessionClosed()) {
      half.finish();
      this.#deps.onSendWork(0);
    }
  }

  reset(code: number): void {
    const half = this.sending;
    if (half !== undefined && !half.done && !this.#deps.isSessionClosed()) {
      half.abandon();
      this.#deps.sendReset(this, code);
    }
  }

  setPriority(priority: number): void {
    if (this.sending !== undefined) {
      this.sending.priority = priority;
    }
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.receiving?.receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    if (this.receiving !== undefined) {
      this.receiving.receiver = receiver;
      this.#deps.onReceiveWork(this);
    }
  }

  stop(code: number): void {
    const half = this.receiving;
    if (half === undefined || half.done || half.stopped || this.#deps.isSessionClosed()) {
      return;
    }
    half.stopped = true;
    this.#deps.sendStop(this, code);
    this.#deps.onReceiveWork(this);
  }

  pause(): void {
    if (this.receiving !== undefined) {
      this.receiving.paused = true;
    }
  }

  resume(): void {
    const half = this.receiving;
    if (half?.paused) {
      half.paused = false;
      this.#deps.onReceiveWork(this);
    }
  }
}
