import type { MessageReader } from "../codec/message-reader.ts";
import type { FetchMessage, MessageCodec } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { FetchResponder, WireGroupHandler } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";
import type { ControlMachine, ControlStream } from "./control-stream.ts";

/** The answering side of a FETCH stream (moq-lite, FETCH). */
export class IncomingFetch implements FetchResponder, ControlMachine {
  readonly #codec: MessageCodec<FetchMessage>;
  readonly #control: ControlStream;
  readonly #onRequest: (request: FetchResponder) => void;
  #request: FetchMessage | undefined;
  #over = false;
  handler: WireGroupHandler | undefined;

  constructor(
    codec: MessageCodec<FetchMessage>,
    control: ControlStream,
    onRequest: (request: FetchResponder) => void,
  ) {
    this.#codec = codec;
    this.#control = control;
    this.#onRequest = onRequest;
  }

  get broadcast(): string {
    return this.#request?.broadcast ?? "";
  }

  get track(): string {
    return this.#request?.track ?? "";
  }

  get group(): number {
    return this.#request?.group ?? 0;
  }

  get priority(): number {
    return this.#request?.priority ?? 0;
  }

  writeFrame(frame: WireFrame): boolean {
    return this.#over || this.#control.write(frame.wire);
  }

  finish(): void {
    if (!this.#over) {
      this.#over = true;
      this.#control.finish();
    }
  }

  reject(code: ErrorCode): void {
    if (!this.#over) {
      this.#over = true;
      this.#control.refuse(code);
    }
  }

  onInput(input: MessageReader): void {
    if (this.#request !== undefined) {
      return;
    }
    const body = input.message();
    if (body !== undefined) {
      this.#request = this.#codec.read(body);
      this.#onRequest(this);
    }
  }

  /** The asking side finishes its half at once and still waits for the frames. */
  onFin(): void {
    if (this.#request === undefined) {
      this.reject(ERROR_CODES.decode);
    }
  }

  onReset(code: number): void {
    this.#close(code);
  }

  onStop(code: number): void {
    this.#close(code);
  }

  onDrain(): void {
    this.handler?.onDrain();
  }

  onFailed(): void {
    this.#over = true;
  }

  onSessionClosed(): void {
    this.#close(ERROR_CODES.transport);
  }

  #close(code: ErrorCode): void {
    if (!this.#over) {
      this.#over = true;
      this.#control.refuse(code);
      this.handler?.onStop(code);
    }
  }
}
