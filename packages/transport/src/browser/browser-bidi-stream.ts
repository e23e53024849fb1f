import type { BidiStream, ReceiveStreamHandler, SendStreamHandler } from "../session.ts";
import type { BrowserReceiveStream } from "./browser-receive-stream.ts";
import type { BrowserSendStream } from "./browser-send-stream.ts";

/** Both halves of a bidirectional stream behind one object. */
export class BrowserBidiStream implements BidiStream {
  readonly id: number;
  readonly #send: BrowserSendStream;
  readonly #receive: BrowserReceiveStream;

  constructor(send: BrowserSendStream, receive: BrowserReceiveStream) {
    this.id = send.id;
    this.#send = send;
    this.#receive = receive;
  }

  get handler(): SendStreamHandler | undefined {
    return this.#send.handler;
  }

  set handler(handler: SendStreamHandler | undefined) {
    this.#send.handler = handler;
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receive.receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receive.receiver = receiver;
  }

  get bufferedBytes(): number {
    return this.#send.bufferedBytes;
  }

  write(bytes: Uint8Array): boolean {
    return this.#send.write(bytes);
  }

  finish(): void {
    this.#send.finish();
  }

  reset(code: number): void {
    this.#send.reset(code);
  }

  setPriority(priority: number): void {
    this.#send.setPriority(priority);
  }

  stop(code: number): void {
    this.#receive.stop(code);
  }

  pause(): void {
    this.#receive.pause();
  }

  resume(): void {
    this.#receive.resume();
  }
}
