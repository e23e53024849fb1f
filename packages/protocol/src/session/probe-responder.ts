import type { MessageReader } from "../codec/message-reader.ts";
import type { MessageCodec, ProbeReport } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { ProbeResponder } from "../session-interface.ts";
import type { ControlStream } from "./control-stream.ts";
import { Responder } from "./responder.ts";
import type { SessionCore } from "./session-core.ts";

/** More than this in a stream of estimates means that nobody reads them: older ones would only be late. */
const MAX_BUFFERED_BYTES = 1024;

/** The answering side of a PROBE stream (moq-lite, PROBE and GOAWAY). */
export class IncomingProbe extends Responder implements ProbeResponder {
  readonly #core: SessionCore;
  readonly #codec: MessageCodec<ProbeReport>;
  readonly #onRequest: (request: ProbeResponder) => void;
  #requested = false;
  onClosed: (() => void) | undefined;

  constructor(
    core: SessionCore,
    codec: MessageCodec<ProbeReport>,
    control: ControlStream,
    onRequest: (request: ProbeResponder) => void,
  ) {
    super(control);
    this.#core = core;
    this.#codec = codec;
    this.#onRequest = onRequest;
  }

  report(bitrateBps: number, rttMs: number): void {
    if (!this.over && this.control.bufferedBytes < MAX_BUFFERED_BYTES) {
      this.control.write(this.#core.encode((writer) => this.#codec.write(writer, { bitrateBps, rttMs })));
    }
  }

  /** The request has no body; bytes behind the type mean nothing in any version. */
  onInput(input: MessageReader): void {
    input.rest();
    if (!this.#requested) {
      this.#requested = true;
      this.#onRequest(this);
    }
  }

  onFin(): void {
    this.control.finish();
    this.end(ERROR_CODES.cancel);
  }

  protected onEnded(): void {
    this.onClosed?.();
  }
}
