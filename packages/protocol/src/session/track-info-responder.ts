import type { MessageReader } from "../codec/message-reader.ts";
import type { TrackCodec, TrackMessage } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { TrackInfo, TrackInfoResponder } from "../session-interface.ts";
import type { ControlStream } from "./control-stream.ts";
import { Responder } from "./responder.ts";
import type { SessionCore } from "./session-core.ts";

/** The answering side of a TRACK stream (moq-lite, TRACK). */
export class IncomingTrackRequest extends Responder implements TrackInfoResponder {
  readonly #core: SessionCore;
  readonly #codec: TrackCodec;
  readonly #onRequest: (request: TrackInfoResponder) => void;
  #request: TrackMessage | undefined;

  constructor(
    core: SessionCore,
    codec: TrackCodec,
    control: ControlStream,
    onRequest: (request: TrackInfoResponder) => void,
  ) {
    super(control);
    this.#core = core;
    this.#codec = codec;
    this.#onRequest = onRequest;
  }

  get broadcast(): string {
    return this.#request?.broadcast ?? "";
  }

  get track(): string {
    return this.#request?.track ?? "";
  }

  respond(info: TrackInfo): void {
    this.control.write(this.#core.encode((writer) => this.#codec.info.write(writer, info)));
    this.finish();
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
      this.reject(ERROR_CODES.decode);
    }
  }

  /** Nobody waits: there is one answer, and it is lost. */
  protected onEnded(): void {}
}
