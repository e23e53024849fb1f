import type { MessageReader } from "../codec/message-reader.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { ControlMachine, ControlStream } from "./control-stream.ts";
import type { SessionCore } from "./session-core.ts";

/** Makes the machine for a stream type; undefined = refused, with the code that says why. */
export type RequestFactory = (type: number, control: ControlStream) => ControlMachine | number;

/** The first machine of a stream that the peer opened: reads its type and hands it to the machine of that type. */
export class StreamTypeReader implements ControlMachine {
  readonly #core: SessionCore;
  readonly #control: ControlStream;
  readonly #factory: RequestFactory;

  constructor(core: SessionCore, control: ControlStream, factory: RequestFactory) {
    this.#core = core;
    this.#control = control;
    this.#factory = factory;
  }

  onInput(input: MessageReader): void {
    const type = input.varint();
    if (type === undefined) {
      return;
    }
    const machine = this.#factory(type, this.#control);
    if (typeof machine === "number") {
      if (machine === ERROR_CODES.boundsExceeded) {
        this.#core.counters.streamsOverLimit++;
      } else {
        this.#core.counters.unknownStreams++;
      }
      this.#control.refuse(machine);
      return;
    }
    this.#control.machine = machine;
    machine.onInput(input);
  }

  onFin(): void {
    this.#control.finish();
  }

  onReset(code: number): void {
    this.#control.refuse(code);
  }

  onStop(): void {}

  onDrain(): void {}
  onFailed(): void {}
  onSessionClosed(): void {}
}
