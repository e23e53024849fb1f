import type { MessageReader } from "../codec/message-reader.ts";
import type { TrackCodec, TrackMessage } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { TrackInfo, TrackInfoResponder } from "../session-interface.ts";
import type { ControlMachine, ControlStream } from "./control-stream.ts";
import type { SessionCore } from "./session-core.ts";

/** The answering side of a TRACK stream (moq-lite, TRACK). */
export class IncomingTrackRequest implements TrackInfoResponder, ControlMachine {
  readonly #core: SessionCore;
  readonly #codec: TrackCodec;
  readonly #control: ControlStream;
  readonly #onRequest: (request: TrackInfoResponder) => void;
  #request: TrackMessage | undefined;

  constructor(
    core: SessionCore,
    codec: TrackCodec,
    control: ControlStream,
    onRequest: (request: TrackInfoResponder) => void,
  ) {
    this.#core = core;
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

  respond(info: TrackInfo): void {
    this.#control.write(this.#core.encode((writer) => this.#codec.info.write(writer, info)));
    this.#control.finish();
  }

  reject(code: ErrorCode): void {
    this.#control.refuse(code);
  }

  onInput(input: MessageReader): void {
    if (this.#request !== undefined) {
      return;
    }
    const body = input.message();
    if (body !== undefined) {
      this.#request = this.#codec.request.read(body);
      this.#onRequest(this);
    }
  }

  /** The asking side may finish its half at once and still waits for the answer. */
  onFin(): void {
    if (this.#request === undefined) {
      this.#control.refuse(ERROR_CODES.decode);
    }
  }

  onReset(code: number): void {
    this.#control.refuse(code);
  }

  onStop(code: number): void {
    this.#control.stop(code);
  }

  onDrain(): void {}
  onFailed(): void {}
  onSessionClosed(): void {}
}
