import type { MessageReader } from "../codec/message-reader.ts";
import type { FetchMessage, MessageCodec } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { FetchResponder, WireGroupHandler } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";
import type { ControlStream } from "./control-stream.ts";
import { Responder } from "./responder.ts";

/** The answering side of a FETCH stream (moq-lite, FETCH). */
export class IncomingFetch extends Responder implements FetchResponder {
  readonly #codec: MessageCodec<FetchMessage>;
  readonly #onRequest: (request: FetchResponder) => void;
  #request: FetchMessage | undefined;
  handler: WireGroupHandler | undefined;

  constructor(
    codec: MessageCodec<FetchMessage>,
    control: ControlStream,
    onRequest: (request: FetchResponder) => void,
  ) {
    super(control);
    this.#codec = codec;
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
    return this.over || this.control.write(frame.wire);
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

  override onDrain(): void {
    this.handler?.onDrain();
  }

  override onFailed(): void {
    this.over = true;
  }

  protected onEnded(code: ErrorCode): void {
    this.handler?.onStop(code);
  }
}
