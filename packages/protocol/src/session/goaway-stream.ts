import type { MessageReader } from "../codec/message-reader.ts";
import type { MessageCodec } from "../dialect.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream } from "./control-stream.ts";
import type { SessionCore } from "./session-core.ts";

/** Asks the peer to go on at `uri` (moq-lite, PROBE and GOAWAY). Does nothing on versions without GOAWAY. */
export function sendGoaway(core: SessionCore, uri: string): void {
  core.openBidi(
    (stream, dialect) => {
      const codec = dialect.goaway;
      if (codec === undefined) {
        return;
      }
      const control = new ControlStream(core, stream, () => NO_REPLY);
      control.write(
        core.encode((writer) => {
          writer.varint(BIDI_TYPES.goaway);
          codec.write(writer, uri);
        }),
      );
      control.finish();
    },
    () => {},
    (dialect) => dialect.goaway !== undefined,
  );
}

/** GOAWAY has no answer but the end of the stream. */
const NO_REPLY: ControlMachine = {
  onInput: (input) => {
    input.rest();
  },
  onFin: () => {},
  onReset: () => {},
  onStop: () => {},
  onDrain: () => {},
  onFailed: () => {},
  onSessionClosed: () => {},
};

/** A GOAWAY of the peer. */
export class IncomingGoaway implements ControlMachine {
  readonly #codec: MessageCodec<string>;
  readonly #control: ControlStream;
  readonly #onGoaway: (uri: string) => void;
  #read = false;

  constructor(codec: MessageCodec<string>, control: ControlStream, onGoaway: (uri: string) => void) {
    this.#codec = codec;
    this.#control = control;
    this.#onGoaway = onGoaway;
  }

  onInput(input: MessageReader): void {
    const body = this.#read ? undefined : input.message();
    if (body !== undefined) {
      this.#read = true;
      const uri = this.#codec.read(body);
      this.#control.finish();
      this.#onGoaway(uri);
    }
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
