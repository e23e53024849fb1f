import type { MessageReader } from "../codec/message-reader.ts";
import type { Dialect } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { ProbeListener } from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream } from "./control-stream.ts";
import type { SessionCore } from "./session-core.ts";

/** The asking side of a PROBE stream (moq-lite, PROBE and GOAWAY). */
export class OutgoingProbe implements ControlMachine {
  readonly #listener: ProbeListener;
  readonly #cancelOpening: () => void;
  #dialect: Dialect | undefined;
  #control: ControlStream | undefined;
  #over = false;

  constructor(core: SessionCore, listener: ProbeListener) {
    this.#listener = listener;
    this.#cancelOpening = core.openBidi(
      (stream, dialect) => {
        this.#dialect = dialect;
        this.#control = new ControlStream(core, stream, () => this);
        this.#control.write(core.encode((writer) => writer.varint(BIDI_TYPES.probe)));
      },
      () => this.#end(),
    );
  }

  close(): void {
    if (!this.#over) {
      this.#over = true;
      this.#cancelOpening();
      this.#control?.finish();
      this.#control?.stop(ERROR_CODES.cancel);
    }
  }

  onInput(input: MessageReader): void {
    while (!this.#over) {
      const body = input.message();
      const report = body === undefined ? undefined : this.#dialect?.probe?.read(body);
      if (report === undefined) {
        return;
      }
      this.#listener.onReport(report.bitrateBps, report.rttMs);
    }
  }

  onFin(): void {
    this.#control?.finish();
    this.#end();
  }

  onReset(code: number): void {
    this.#control?.refuse(code);
    this.#end();
  }

  onStop(code: number): void {
    this.#control?.refuse(code);
    this.#end();
  }

  onDrain(): void {}

  onFailed(): void {
    this.#end();
  }

  onSessionClosed(): void {
    this.#end();
  }

  #end(): void {
    if (!this.#over) {
      this.#over = true;
      this.#listener.onClosed();
    }
  }
}
